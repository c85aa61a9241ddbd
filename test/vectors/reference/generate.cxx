// Copyright ros2_igtl contributors
// SPDX-License-Identifier: Apache-2.0
//
// Messages as the OpenIGTLink library of C++ packs them, one file each, into the folder that is the
// first argument. A line on stdout for each, with tabs between: its name, the class that wrote it,
// the vector that the codec packs it to where that is not itself, - where it packs it to none, and
// what it shows. No result is judged here.
//
// The library leaves some bytes as it finds them. The second argument is the byte that all memory
// holds before the library gets it: what comes out is always the same for one byte, and what is
// different for another one was never written.

#include <alloca.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <limits>
#include <list>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <igtlBindMessage.h>
#include <igtlCapabilityMessage.h>
#include <igtlColorTableMessage.h>
#include <igtlImageMessage.h>
#include <igtlImageMessage2.h>
#include <igtlImageMetaMessage.h>
#include <igtlLabelMetaMessage.h>
#include <igtlNDArrayMessage.h>
#include <igtlPointMessage.h>
#include <igtlPolyDataMessage.h>
#include <igtlPositionMessage.h>
#include <igtlQuaternionTrackingDataMessage.h>
#include <igtlSensorMessage.h>
#include <igtlStatusMessage.h>
#include <igtlStringMessage.h>
#include <igtlTrackingDataMessage.h>
#include <igtlTrajectoryMessage.h>
#include <igtlTransformMessage.h>
#include <igtl_header.h>
#include <igtl_qtrans.h>
#include <igtl_unit.h>

namespace {

unsigned char fill = 0;
std::string folder;

// The library reads (igtl_polydata.c) and writes (igtl_position.c) behind the end of its memory
constexpr std::size_t kSlack = 16384;

}  // namespace

// The library's own calls of malloc() and new come here; free() is that of the C library.
extern "C" void* malloc(std::size_t size) {
  void* memory = calloc(1, size + kSlack);
  if (fill != 0 && memory != nullptr) std::memset(memory, fill, size + kSlack);
  return memory;
}

namespace {

constexpr unsigned int kSeconds = 0x499602d4;
constexpr unsigned int kFraction = 0x80000000;  // half a second
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

__attribute__((noinline)) void fill_stack() {
  constexpr std::size_t kSize = 65536;
  void* stack = alloca(kSize);
  std::memset(stack, fill, kSize);
  asm volatile("" : : "r"(stack) : "memory");
}

void check(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

template <class Message>
typename Message::Pointer make(const char* device_name) {
  fill_stack();
  typename Message::Pointer message = Message::New();
  message->SetDeviceName(device_name);
  message->SetTimeStamp(kSeconds, kFraction);
  return message;
}

// Written in pieces: header, and what follows
void write(const std::string& name, const std::string& source, const std::string& says,
           const std::vector<std::pair<const void*, std::size_t>>& pieces,
           const std::string& packs_to = "") {
  std::ofstream file(folder + "/" + name + ".bin", std::ios::binary);
  for (const auto& piece : pieces) {
    file.write(static_cast<const char*>(piece.first), piece.second);
  }
  file.close();
  check(file.good(), name + ": cannot be written");
  std::cout << name << '\t' << source << '\t' << packs_to << '\t' << says << '\n';
}

template <class Message>
void pack_and_write(const std::string& name, const Message& message, const std::string& says,
                    const std::string& packs_to = "") {
  fill_stack();
  check(message->Pack() == 1, name + ": Pack() refuses");
  write(name, message->GetNameOfClass(), says,
        {{message->GetPackPointer(), message->GetPackSize()}}, packs_to);
}

template <class Message>
void write_query(const std::string& name, const char* device_name, const std::string& says) {
  pack_and_write(name, make<Message>(device_name), says);
}

template <class Message>
void write_reply(const std::string& name, int status, const std::string& says) {
  auto message = make<Message>("Tracker");
  message->SetStatus(status);
  pack_and_write(name, message, says);
}

// A quarter turn about z, its first axis scaled, and a translation
void set_pose(igtl::Matrix4x4& matrix, float scale, float x, float y, float z) {
  igtl::IdentityMatrix(matrix);
  matrix[0][0] = 0.0f;
  matrix[1][0] = scale;
  matrix[0][1] = -1.0f;
  matrix[1][1] = 0.0f;
  matrix[0][3] = x;
  matrix[1][3] = y;
  matrix[2][3] = z;
}

void write_transforms() {
  igtl::Matrix4x4 matrix;
  auto write_one = [&](const char* name, const char* device_name, const char* says) {
    auto message = make<igtl::TransformMessage>(device_name);
    message->SetMatrix(matrix);
    pack_and_write(name, message, says);
  };
  set_pose(matrix, 2.0f, 12.5f, -250.0f, 1e-3f);
  write_one("transform_scaled", "ProbeToTracker", "a matrix that is no pose: it scales");
  set_pose(matrix, 1.0f, kInfinity, -kInfinity, kNan);
  write_one("transform_not_finite", "Probe", "a translation of infinity, -infinity and NaN");
  set_pose(matrix, 1.0f, -0.0f, 1e-45f, 3.4028234664e38f);
  write_one("transform_full_name", "TwentyBytesOfNameToT",
            "a device name of 20 bytes; -0, the smallest and the largest number");
  write_one("transform_utf8_name", "Nadel\xc3\xa4rzt\xe2\x86\x92Tracker",
            "a device name of 18 bytes of UTF-8");
  write_one("transform_cut_name", "NineteenBytesOfASCI\xc3\x84To",
            "a device name of 23 bytes, cut by strncpy in the middle of a character");
  write_one("transform_no_name", "", "no device name");
}

void write_positions() {
  auto write_one = [](const char* name, int pack_type, const char* says) {
    auto message = make<igtl::PositionMessage>("Stylus");
    message->SetPackType(pack_type);
    message->SetPosition(1.5f, -2.25f, 1000.125f);
    message->SetQuaternion(0.5f, -0.5f, 0.25f, 0.6614378f);
    pack_and_write(name, message, says);
  };
  write_one("position_28", igtl::PositionMessage::ALL, "28 bytes");
  write_one("position_24", igtl::PositionMessage::WITH_QUATERNION3,
            "24 bytes: no w. The library turns the byte order of 28, behind its own memory too");
  write_one("position_12", igtl::PositionMessage::POSITION_ONLY,
            "12 bytes: no quaternion. The library turns the byte order of 28, as above");

  // No class knows QTRANS
  igtl_qtrans content{{1.5f, -2.25f, 1000.125f}, {0.5f, -0.5f, 0.25f, 0.6614378f}};
  igtl_qtrans_convert_byte_order(&content);
  igtl_header header;
  std::memset(&header, 0, sizeof header);
  header.version = IGTL_HEADER_VERSION;
  std::strcpy(header.name, "QTRANS");
  std::strcpy(header.device_name, "Stylus");
  header.timestamp = static_cast<igtl_uint64>(kSeconds) << 32 | kFraction;
  header.body_size = sizeof content;
  header.crc = igtl_qtrans_get_crc(&content);
  igtl_header_convert_byte_order(&header);
  write("qtrans", "igtl_qtrans", "the other name of POSITION",
        {{&header, sizeof header}, {&content, sizeof content}});
}

// The bytes of a scalar, the highest first or last; the library takes them as they are
template <class Scalar>
void append(std::string& bytes, Scalar value, bool big_endian) {
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  for (std::size_t i = 0; i < sizeof value; ++i) {
    bytes += raw[big_endian ? sizeof value - 1 - i : i];
  }
}

template <class Scalar>
std::string scalars(const std::vector<Scalar>& values, bool big_endian) {
  std::string bytes;
  for (Scalar value : values) append(bytes, value, big_endian);
  return bytes;
}

std::string count_up(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(7 * i);
  return bytes;
}

template <class Image>
typename Image::Pointer make_image(int scalar_type, int components, int i, int j, int k) {
  auto message = make<Image>("Scanner");
  message->SetDimensions(i, j, k);
  message->SetScalarType(scalar_type);
  message->SetNumComponents(components);
  message->SetSpacing(0.5f, 0.25f, 2.0f);
  igtl::Matrix4x4 matrix;
  set_pose(matrix, 1.0f, 10.0f, -20.0f, 30.5f);
  message->SetMatrix(matrix);
  return message;
}

template <class Message>
void set_pixels(const std::string& name, const Message& message, const std::string& pixels) {
  check(static_cast<std::size_t>(message->GetSubVolumeImageSize()) == pixels.size(),
        name + ": another number of pixels");
  message->AllocateScalars();
  std::memcpy(message->GetScalarPointer(), pixels.data(), pixels.size());
}

void write_images() {
  using igtl::ImageMessage;
  auto write_one = [](const char* name, const ImageMessage::Pointer& message,
                      const std::string& pixels, const char* says) {
    set_pixels(name, message, pixels);
    pack_and_write(name, message, says);
  };
  auto image = [](int scalar_type, int components, int i, int j, int k) {
    return make_image<ImageMessage>(scalar_type, components, i, j, k);
  };

  write_one("image_uint8_volume", image(ImageMessage::TYPE_UINT8, 1, 4, 3, 2), count_up(24),
            "two slices, byte order as the library has it unless told: big");
  write_one("image_rgb", image(ImageMessage::TYPE_UINT8, 3, 4, 2, 1), count_up(24),
            "three components");
  write_one("image_rgba_volume", image(ImageMessage::TYPE_UINT8, 4, 2, 2, 3), count_up(48),
            "four components in three slices");
  write_one("image_int8", image(ImageMessage::TYPE_INT8, 1, 4, 1, 1),
            scalars<igtlInt8>({-128, -1, 0, 127}, true), "signed bytes");
  write_one("image_int16_big", image(ImageMessage::TYPE_INT16, 1, 2, 2, 1),
            scalars<igtlInt16>({-32768, -2, 258, 32767}, true), "big-endian");
  auto message = image(ImageMessage::TYPE_UINT16, 1, 2, 2, 1);
  message->SetEndian(ImageMessage::ENDIAN_LITTLE);
  write_one("image_uint16_little", message, scalars<igtlUint16>({0, 1, 258, 65535}, false),
            "little-endian");
  write_one("image_int32_big", image(ImageMessage::TYPE_INT32, 1, 3, 1, 1),
            scalars<igtlInt32>({-2147483647 - 1, 16909060, 2147483647}, true), "big-endian");
  message = image(ImageMessage::TYPE_UINT32, 1, 1, 3, 1);
  message->SetEndian(ImageMessage::ENDIAN_LITTLE);
  write_one("image_uint32_little", message, scalars<igtlUint32>({0, 16909060, 4294967295u}, false),
            "little-endian");
  write_one("image_float32_big", image(ImageMessage::TYPE_FLOAT32, 2, 2, 1, 1),
            scalars<igtlFloat32>({0.5f, -1e30f, kNan, kInfinity}, true),
            "two components, big-endian");
  message = image(ImageMessage::TYPE_FLOAT64, 1, 2, 1, 2);
  message->SetEndian(ImageMessage::ENDIAN_LITTLE);
  write_one("image_float64_little", message,
            scalars<igtlFloat64>({0.1, -0.0, 1e300, -kInfinity}, false), "little-endian");
  message = image(ImageMessage::TYPE_UINT8, 1, 2, 2, 1);
  message->SetCoordinateSystem(ImageMessage::COORDINATE_LPS);
  write_one("image_lps", message, count_up(4), "left, posterior, superior");
  message = image(ImageMessage::TYPE_INT16, 3, 6, 5, 4);
  check(message->SetSubVolume(2, 3, 1, 4, 1, 2) == 1, "image_part: SetSubVolume() refuses");
  write_one("image_part", message,
            scalars<igtlInt16>({1,  -1, 2,  -2, 3,  -3, 4,  -4, 5,
                                -5, 6,  -6, 7,  -7, 8,  -8, 9,  -9}, true),
            "a part of 2 x 3 x 1 at 4, 1, 2 of 6 x 5 x 4");

  const std::string name = "image_fragments";
  auto fragments = make_image<igtl::ImageMessage2>(ImageMessage::TYPE_UINT8, 1, 3, 2, 1);
  set_pixels(name, fragments, count_up(6));
  fill_stack();
  check(fragments->Pack() == 1, name + ": Pack() refuses");
  std::vector<std::pair<const void*, std::size_t>> pieces;
  for (int i = 0; i < fragments->GetNumberOfPackFragments(); ++i) {
    pieces.emplace_back(fragments->GetPackFragmentPointer(i), fragments->GetPackFragmentSize(i));
  }
  write(name, fragments->GetNameOfClass(), "packed in three pieces", pieces);
}

void write_statuses() {
  auto write_one = [](const char* name, int code, igtlInt64 subcode, const char* error_name,
                      const char* text, const char* says) {
    auto message = make<igtl::StatusMessage>("Robot");
    message->SetCode(code);
    message->SetSubCode(subcode);
    message->SetErrorName(error_name);
    message->SetStatusString(text);
    pack_and_write(name, message, says);
  };
  write_one("status_no_text", igtl::StatusMessage::STATUS_OK, 0, "", "",
            "no error name and an empty text: 31 bytes");
  write_one("status_full_error_name", igtl::StatusMessage::STATUS_SHUT_DOWN, -1,
            "TWENTY_BYTES_OF_NAME", "Aus\xe2\x80\xa6",
            "the last code, subcode -1, an error name of 20 bytes, UTF-8");
  write_one("status_subcode", igtl::StatusMessage::STATUS_HARDWARE_FAILURE,
            -9223372036854775807LL - 1, "E", "x", "the smallest subcode");
  write_one("status_unknown_code", 20, 9223372036854775807LL, "E", "x",
            "code 20, which the library makes 0; the largest subcode");
}

void write_capabilities() {
  // The library copies 12 bytes of each, whatever stands behind a shorter one
  auto padded = [](const char* type_name) {
    std::string name = type_name;
    name.resize(12);
    return name;
  };
  auto message = make<igtl::CapabilityMessage>("Slicer");
  message->SetTypes({padded("TRANSFORM"), padded("GET_POLYDATA"), padded("STT_TDATA")});
  pack_and_write("capability_full_name", message, "a type name of 12 bytes among others");
}

void write_color_tables() {
  using igtl::ColorTableMessage;
  auto write_one = [](const char* name, int index_type, int map_type, const char* says) {
    auto message = make<ColorTableMessage>("Lut");
    message->SetIndexType(index_type);
    message->SetMapType(map_type);
    message->AllocateTable();
    const int size = message->GetColorTableSize();
    if (map_type == ColorTableMessage::MAP_UINT16) {
      auto entries = static_cast<igtlUint16*>(message->GetTablePointer());
      for (int i = 0; i < size / 2; ++i) entries[i] = static_cast<igtlUint16>(65535 - 3 * i);
    } else {
      auto entries = static_cast<igtlUint8*>(message->GetTablePointer());
      for (int i = 0; i < size; ++i) entries[i] = static_cast<igtlUint8>(5 * i + i / 256);
    }
    pack_and_write(name, message, says);
  };
  const int u8 = ColorTableMessage::INDEX_UINT8;
  const int u16 = ColorTableMessage::INDEX_UINT16;
  write_one("colort_u8_u8", u8, ColorTableMessage::MAP_UINT8, "256 entries of uint8");
  write_one("colort_u8_u16", u8, ColorTableMessage::MAP_UINT16, "256 entries of uint16");
  write_one("colort_u8_rgb", u8, ColorTableMessage::MAP_RGB, "256 entries of RGB");
  write_one("colort_u16_u8", u16, ColorTableMessage::MAP_UINT8, "65536 entries of uint8");
  write_one("colort_u16_u16", u16, ColorTableMessage::MAP_UINT16, "65536 entries of uint16");
}

const char kFull20[] = "TwentyBytesOfName/20";
const char kFull32[] = "ThirtyTwoBytesOfName/ThirtyTwo32";
const char kFull64[] = "SixtyFourBytesOfName/SixtyFourBytesOfName/SixtyFourBytesOfName64";
const char kUtf8[] = "Gef\xc3\xa4\xc3\x9f \xe2\x86\x92 \xf0\x9f\xab\x80";

void write_image_metas() {
  auto message = make<igtl::ImageMetaMessage>("Archive");
  auto element = igtl::ImageMetaElement::New();
  auto time = igtl::TimeStamp::New();
  time->SetTime(kSeconds, 500000000);
  element->SetName("Head");
  element->SetDeviceName("IMAGE_0");
  element->SetModality("MR");
  element->SetPatientName(kUtf8);
  element->SetPatientID("0042");
  element->SetTimeStamp(time);
  element->SetSize(512, 511, 1);
  element->SetScalarType(igtl::ImageMessage::TYPE_FLOAT64);
  message->AddImageMetaElement(element);
  auto full = igtl::ImageMetaElement::New();
  full->SetName(kFull64);
  full->SetDeviceName(kFull20);
  full->SetModality(kFull32);
  full->SetPatientName(kFull64);
  full->SetPatientID(kFull64);
  full->SetSize(65535, 0, 65535);
  full->SetScalarType(igtl::ImageMessage::TYPE_INT8);
  message->AddImageMetaElement(full);
  pack_and_write("imgmeta_full_names", message, "UTF-8; names that fill their fields, and no time");
  pack_and_write("imgmeta_empty", make<igtl::ImageMetaMessage>("Archive"), "no element");
}

void write_label_metas() {
  auto message = make<igtl::LabelMetaMessage>("Archive");
  auto element = igtl::LabelMetaElement::New();
  element->SetName(kUtf8);
  element->SetDeviceName("LABEL_0");
  element->SetLabel(255);
  element->SetRGBA(255, 128, 1, 0);
  element->SetSize(64, 32, 16);
  element->SetOwner("IMAGE_0");
  message->AddLabelMetaElement(element);
  auto full = igtl::LabelMetaElement::New();
  full->SetName(kFull64);
  full->SetDeviceName(kFull20);
  full->SetOwner(kFull20);
  message->AddLabelMetaElement(full);
  pack_and_write("lbmeta_full_names", message, "UTF-8; names that fill their fields");
}

void write_points() {
  auto message = make<igtl::PointMessage>("Planner");
  auto element = igtl::PointElement::New();
  element->SetName(kUtf8);
  element->SetGroupName("Entry");
  element->SetRGBA(255, 0, 128, 64);
  element->SetPosition(1.5f, -2.0f, 1e-3f);
  element->SetRadius(2.5f);
  element->SetOwner("IMAGE_0");
  message->AddPointElement(element);
  auto full = igtl::PointElement::New();
  full->SetName(kFull64);
  full->SetGroupName(kFull32);
  full->SetPosition(kNan, kInfinity, -kInfinity);
  full->SetOwner(kFull20);
  message->AddPointElement(full);
  pack_and_write("point_full_names", message,
                 "UTF-8; names that fill their fields, and what is not finite");
  pack_and_write("point_empty", make<igtl::PointMessage>("Planner"), "no element");
}

void write_trajectories() {
  auto message = make<igtl::TrajectoryMessage>("Planner");
  for (int type : {igtl::TrajectoryElement::TYPE_ENTRY_ONLY,
                   igtl::TrajectoryElement::TYPE_TARGET_ONLY,
                   igtl::TrajectoryElement::TYPE_ENTRY_TARGET}) {
    auto element = igtl::TrajectoryElement::New();
    element->SetName(type == 1 ? kFull64 : kUtf8);
    element->SetGroupName(type == 1 ? kFull32 : "Plan");
    element->SetType(type);
    element->SetRGBA(type, 2 * type, 4 * type, 255);
    element->SetEntryPosition(0.5f * type, -100.0f, 1e-3f);
    element->SetTargetPosition(1.0f, 2.0f, -3.0f * type);
    element->SetRadius(0.25f * type);
    element->SetOwner(type == 1 ? kFull20 : "");
    message->AddTrajectoryElement(element);
  }
  pack_and_write("traj_types", message, "the three types; names that fill their fields; UTF-8");
}

template <class Scalar>
void write_array(const std::string& name, int type, const igtl::ArrayBase::IndexType& sizes,
                 const std::vector<Scalar>& values, const std::string& says) {
  igtl::Array<Scalar> array;
  array.SetSize(sizes);
  check(array.GetRawArraySize() == sizeof(Scalar) * values.size(), name + ": another size");
  array.SetArray(const_cast<Scalar*>(values.data()));
  auto message = make<igtl::NDArrayMessage>("Simulation");
  check(message->SetArray(type, &array) == 1, name + ": SetArray() refuses");
  pack_and_write(name, message, says);
}

void write_arrays() {
  using igtl::NDArrayMessage;
  write_array<igtlInt8>("ndarray_int8", NDArrayMessage::TYPE_INT8, {4}, {-128, -1, 0, 127},
                        "one dimension");
  write_array<igtlUint8>("ndarray_uint8", NDArrayMessage::TYPE_UINT8, {2, 3},
                         {0, 1, 2, 253, 254, 255}, "two dimensions, the last one fastest");
  write_array<igtlInt16>("ndarray_int16", NDArrayMessage::TYPE_INT16, {2, 1, 2},
                         {-32768, -2, 258, 32767}, "three dimensions");
  write_array<igtlUint16>("ndarray_uint16", NDArrayMessage::TYPE_UINT16, {3}, {0, 258, 65535},
                          "one dimension");
  write_array<igtlInt32>("ndarray_int32", NDArrayMessage::TYPE_INT32, {1, 3},
                         {-2147483647 - 1, 16909060, 2147483647}, "two dimensions");
  write_array<igtlUint32>("ndarray_uint32", NDArrayMessage::TYPE_UINT32, {3, 1},
                          {0, 16909060, 4294967295u}, "two dimensions");
  write_array<igtlFloat32>("ndarray_float32", NDArrayMessage::TYPE_FLOAT32, {2, 2},
                           {0.5f, kNan, -kInfinity, 1e-45f}, "what is not finite");
  write_array<igtlFloat64>("ndarray_float64", NDArrayMessage::TYPE_FLOAT64, {1, 1, 1, 1, 2},
                           {0.1, -0.0}, "five dimensions");

  const std::string name = "ndarray_complex";
  igtlComplex values[] = {{1.0, -2.0}, {0.5, 1e300}, {-0.0, kInfinity}};
  igtl::Array<igtlComplex> array;
  array.SetSize({3});
  check(array.GetRawArraySize() == sizeof values, name + ": another size");
  array.SetArray(values);
  auto message = make<NDArrayMessage>("Simulation");
  check(message->SetArray(NDArrayMessage::TYPE_COMPLEX, &array) == 1,
        name + ": SetArray() refuses");
  pack_and_write(name, message, "real and imaginary part of each");
}

using Rows = std::vector<std::list<igtlUint32>>;

igtl::PolyDataCellArray::Pointer make_cells(const Rows& rows) {
  auto cells = igtl::PolyDataCellArray::New();
  for (const auto& row : rows) cells->AddCell(row);
  return cells;
}

igtl::PolyDataMessage::Pointer make_mesh() {
  auto message = make<igtl::PolyDataMessage>("Model");
  auto points = igtl::PolyDataPointArray::New();
  points->AddPoint(0.0f, 0.0f, 0.0f);
  points->AddPoint(10.0f, 0.0f, 0.5f);
  points->AddPoint(10.0f, -10.0f, 0.25f);
  points->AddPoint(0.0f, -10.0f, 1e-3f);
  message->SetPoints(points);
  message->SetPolygons(make_cells({{0, 1, 2}, {0, 2, 3}}));
  return message;
}

// Attributes of n values that count up from the number given, in quarters
void add_attribute(const igtl::PolyDataMessage::Pointer& message, int type, int components,
                   const char* name, int count, float first) {
  auto attribute = igtl::PolyDataAttribute::New();
  check(attribute->SetType(type, components) == type, std::string(name) + ": SetType() refuses");
  attribute->SetSize(count);
  attribute->SetName(name);
  std::vector<igtlFloat32> values(attribute->GetNumberOfComponents() * count);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + 0.25f * i;
  attribute->SetData(values.data());
  message->AddAttribute(attribute);
}

void write_meshes() {
  using igtl::PolyDataAttribute;
  pack_and_write("polydata_empty", make<igtl::PolyDataMessage>("Model"), 
                 "no point: the library does not write the content at all");

  auto message = make_mesh();
  message->SetVertices(make_cells({{3}, {0, 1}}));
  message->SetLines(make_cells({{0, 1, 2, 3}, {1, 3}}));
  message->SetPolygons(make_cells({{0, 1, 2}, {0, 1, 2, 3}, {3, 2, 1}}));
  message->SetTriangleStrips(make_cells({{0, 1, 3, 2}}));
  pack_and_write("polydata_cells", message, "cells of every kind and of different lengths");

  message = make_mesh();
  add_attribute(message, PolyDataAttribute::POINT_SCALAR, 1, "curvature", 4, 0.5f);
  add_attribute(message, PolyDataAttribute::POINT_SCALAR, 2, "", 4, -1.0f);
  add_attribute(message, PolyDataAttribute::POINT_VECTOR, 3, "speed", 4, 100.0f);
  add_attribute(message, PolyDataAttribute::POINT_NORMAL, 3, "n\xc3\xb6rmal", 4, -0.5f);
  add_attribute(message, PolyDataAttribute::POINT_TENSOR, 9, "stress", 4, 7.0f);
  pack_and_write("polydata_point_attributes", message,
                 "scalars, also of two components, vectors, normals and tensors; an empty name, "
                 "one of UTF-8; names of an odd number of bytes, and their padding");

  message = make_mesh();
  add_attribute(message, PolyDataAttribute::CELL_TENSOR, 9, "stress", 2, 1.0f);
  add_attribute(message, PolyDataAttribute::POINT_SCALAR, 9, "nine", 4, 2.0f);
  pack_and_write("polydata_cell_tensors", message,
                 "the attribute of cells that the library encodes right; scalars of nine "
                 "components");

  const std::string nine = "announced with 9 components and as much room: the true numbers stand "
                           "at its start, behind them memory of the library";
  message = make_mesh();
  add_attribute(message, PolyDataAttribute::POINT_RGBA, 4, "colour", 4, 0.0f);
  add_attribute(message, PolyDataAttribute::POINT_SCALAR, 1, "behind", 4, 9.0f);
  pack_and_write("polydata_rgba_nine", message, "colours " + nine, "polydata_rgba");
  message = make_mesh();
  add_attribute(message, PolyDataAttribute::CELL_SCALAR, 1, "area", 2, 1.0f);
  add_attribute(message, PolyDataAttribute::CELL_VECTOR, 3, "flow", 2, 2.0f);
  add_attribute(message, PolyDataAttribute::CELL_NORMAL, 3, "normal", 2, 3.0f);
  add_attribute(message, PolyDataAttribute::CELL_RGBA, 4, "colour", 2, 0.0f);
  pack_and_write("polydata_cell_attributes_nine", message, "attributes of cells " + nine,
                 "polydata_cell_attributes");
}

void write_sensors() {
  // igtl::Unit of this version keeps only the last unit that it is given
  auto write_one = [](const std::string& name, int prefix,
                      const std::vector<std::pair<int, int>>& units, std::vector<double> values,
                      const std::string& says) {
    igtl_unit_data unit;
    igtl_unit_init(&unit);
    unit.prefix = prefix;
    for (std::size_t i = 0; i < units.size(); ++i) {
      unit.unit[i] = units[i].first;
      unit.exp[i] = units[i].second;
    }
    auto message = make<igtl::SensorMessage>("Force");
    message->SetLength(values.size());
    message->SetUnit(igtl_unit_pack(&unit));
    message->SetValue(values.data());
    pack_and_write(name, message, says);
  };
  write_one("sensor_empty", 0, {}, {}, "no number and no unit");
  write_one("sensor_255", 0, {}, std::vector<double>(255, 0.25), "as many numbers as there can be");
  write_one("sensor_mm_s2", IGTL_UNIT_PREFIX_MILLI,
            {{IGTL_UNIT_SI_BASE_METER, 1}, {IGTL_UNIT_SI_BASE_SECOND, -2}}, {0.1, -0.0, 1e300},
            "mm/s^2");
  write_one("sensor_n_m", 0, {{IGTL_UNIT_SI_DERIVED_NEWTON, 1}, {IGTL_UNIT_SI_BASE_METER, 1}},
            {1.5, -2.5, kNan, kInfinity, -kInfinity, 5e-324},
            "N*m; what is not finite, and the smallest number");
  write_one("sensor_six_units", IGTL_UNIT_PREFIX_KILO,
            {{IGTL_UNIT_SI_BASE_GRAM, 1},
             {IGTL_UNIT_SI_BASE_METER, 2},
             {IGTL_UNIT_SI_BASE_KELVIN, 7},
             {IGTL_UNIT_SI_BASE_SECOND, -3},
             {IGTL_UNIT_SI_BASE_AMPERE, -1},
             {IGTL_UNIT_SI_BASE_MOLE, -7}},
            {1.0}, "six units with exponents to 7");
}

void write_strings() {
  auto write_one = [](const char* name, int encoding, std::string text, const char* says) {
    auto message = make<igtl::StringMessage>("Console");
    message->SetEncoding(encoding);
    message->SetString(text);
    pack_and_write(name, message, says);
  };
  write_one("string_empty", 3, "", "no text");
  write_one("string_utf8", 106, kUtf8, "UTF-8");
  write_one("string_latin1", 4, "Gef\xe4\xdf", "ISO 8859-1");
  write_one("string_windows_1252", 2252, "\x80 \x93quoted\x94", "windows-1252");
  write_one("string_shift_jis", 17, "\x8c\x8c\x8a\xc7", "Shift_JIS");
  write_one("string_not_ascii", 3, "Gef\xc3\xa4\xc3\x9f", "UTF-8 that is declared to be US-ASCII");
  write_one("string_unknown_encoding", 9999, "\x01\xff", "an encoding that is not registered");
  write_one("string_utf16_lost", 1013, std::string("\0A\0B", 4),
            "UTF-16BE, of which strncpy copies nothing: it ends at the first NUL");
  write_one("string_full", 3, std::string(65535, 'x'), "as long as there can be");
}

void write_tracking_data() {
  auto message = make<igtl::TrackingDataMessage>("Tracker");
  const char* names[] = {"Probe", kFull20, "N\xc3\xa4" "del", ""};
  for (int type = 1; type <= 4; ++type) {
    auto element = igtl::TrackingDataElement::New();
    element->SetName(names[type - 1]);
    check(element->SetType(type) == type, "tdata_types: SetType() refuses");
    igtl::Matrix4x4 matrix;
    set_pose(matrix, 1.0f, 10.0f * type, -0.5f, 1e-3f);
    element->SetMatrix(matrix);
    message->AddTrackingDataElement(element);
  }
  pack_and_write("tdata_types", message,
                 "the four types; a name that fills its field, one of UTF-8, an empty one");
  pack_and_write("tdata_empty", make<igtl::TrackingDataMessage>("Tracker"), "no tool");

  auto start = make<igtl::StartTrackingDataMessage>("Client");
  start->SetResolution(50);
  start->SetCoordinateName("Patient");
  pack_and_write("stt_tdata", start, "50 ms");
  start = make<igtl::StartTrackingDataMessage>("");
  start->SetResolution(-1);
  start->SetCoordinateName("Pati\xc3\xabnt");
  pack_and_write("stt_tdata_negative", start,
                 "a resolution of -1, no device name");
  start->SetCoordinateName(kFull32);
  pack_and_write("stt_tdata_full_name", start,
                 "a coordinate name that fills its field, which the library loses when it reads it",
                 "-");
}

void write_quaternion_tracking_data() {
  auto message = make<igtl::QuaternionTrackingDataMessage>("Tracker");
  const char* names[] = {"Probe", kFull20, "N\xc3\xa4" "del", ""};
  for (int type = 1; type <= 4; ++type) {
    auto element = igtl::QuaternionTrackingDataElement::New();
    element->SetName(names[type - 1]);
    check(element->SetType(type) == type, "qtdata_types: SetType() refuses");
    element->SetPosition(10.0f * type, -0.5f, 1e-3f);
    element->SetQuaternion(0.5f, -0.5f, 0.25f * type, -0.5f);
    message->AddQuaternionTrackingDataElement(element);
  }
  pack_and_write("qtdata_types", message,
                 "the four types; a name that fills its field, one of UTF-8, an empty one");
  pack_and_write("qtdata_empty", make<igtl::QuaternionTrackingDataMessage>("Tracker"), "no tool");

  auto start = make<igtl::StartQuaternionTrackingDataMessage>("Client");
  start->SetResolution(2147483647);
  start->SetCoordinateName("");
  pack_and_write("stt_qtdata", start, "the largest resolution, no coordinate name");
}

template <class Child>
Child packed(const Child& child) {
  child->Pack();
  return child;
}

igtl::StringMessage::Pointer make_text(const char* device_name, const char* text) {
  auto message = make<igtl::StringMessage>(device_name);
  message->SetString(text);
  return packed(message);
}

igtl::TransformMessage::Pointer make_transform(const char* device_name) {
  auto message = make<igtl::TransformMessage>(device_name);
  igtl::Matrix4x4 matrix;
  set_pose(matrix, 1.0f, 1.0f, 2.0f, 3.0f);
  message->SetMatrix(matrix);
  return packed(message);
}

void write_binds() {
  // Children are not copied: they have to live until the BIND is packed
  const auto odd = make_text("Text", "odd");
  const auto even = make_text("N\xc3\xa4" "del", "even");
  const auto transform = make_transform(kFull20);
  auto bind = make<igtl::BindMessage>("Bind");
  bind->AppendChildMessage(odd);
  bind->AppendChildMessage(transform);
  bind->AppendChildMessage(even);
  bind->AppendChildMessage(odd);
  pack_and_write("bind_odd", bind,
                 "children of 7 bytes and a padding byte; names of UTF-8 and of 20 bytes");

  auto single = make<igtl::BindMessage>("Bind");
  single->AppendChildMessage(transform);
  pack_and_write("bind_odd_names", single, "names of an odd number of bytes, and their padding");

  const auto inner = packed(single);
  auto outer = make<igtl::BindMessage>("Outer");
  outer->AppendChildMessage(odd);
  outer->AppendChildMessage(inner);
  packed(outer);
  auto outermost = make<igtl::BindMessage>("Outermost");
  outermost->AppendChildMessage(outer);
  outermost->AppendChildMessage(even);
  pack_and_write("bind_nested", outermost, "a BIND in a BIND in a BIND");

  auto query = make<igtl::GetBindMessage>("Client");
  pack_and_write("get_bind_none", query,
                 "no children, and not the empty content that asks for all; its four bytes are "
                 "not written",
                 "get_bind_all");
  query->AppendChildMessage("TRANSFORM", "Probe");
  query->AppendChildMessage("IMAGE", "Scanner");
  pack_and_write("get_bind", query, "two children, names of 14 bytes");
  query = make<igtl::GetBindMessage>("Client");
  query->AppendChildMessage("STATUS", "Robot1");
  pack_and_write("get_bind_odd", query,
                 "names of 7 bytes, which the library does not pad, and does not read so",
                 "get_bind_padded");

  const std::string resolution = "; the library does not write the resolution that it was given";
  auto start = make<igtl::StartBindMessage>("Client");
  start->SetResolution(1000000);
  pack_and_write("stt_bind_all", start, "no children: asks for all" + resolution);
  start->AppendChildMessage("TRANSFORM", "Probe");
  start->AppendChildMessage("IMAGE", "Scanner");
  pack_and_write("stt_bind", start, "two children" + resolution);
}

void write_companions() {
  const std::string query = "empty";
  write_query<igtl::GetTransformMessage>("get_trans", "Probe", query);
  write_query<igtl::GetImageMessage>("get_image", "Scanner", query);
  write_query<igtl::GetStatusMessage>("get_status", "", "empty, and no device name");
  write_query<igtl::GetCapabilityMessage>("get_capabil", "Slicer", query);
  write_query<igtl::GetColorTableMessage>("get_colort", "Lut", query);
  write_query<igtl::GetImageMetaMessage>("get_imgmeta", "Archive", query);
  write_query<igtl::GetLabelMetaMessage>("get_lbmeta", "Archive", query);
  write_query<igtl::GetPointMessage>("get_point", "Planner", query);
  write_query<igtl::GetTrajectoryMessage>("get_traj", "Planner", query);
  write_query<igtl::GetPolyDataMessage>("get_polydata", "Model",
                                        "empty; a type name of 12 bytes");
  write_query<igtl::StopTrackingDataMessage>("stp_tdata", "Tracker", query);
  write_query<igtl::StopQuaternionTrackingDataMessage>("stp_qtdata", "Tracker", query);
  write_query<igtl::StopBindMessage>("stp_bind", "Bind", query);
  write_reply<igtl::RTSTrackingDataMessage>("rts_tdata", 0, "success");
  write_reply<igtl::RTSTrackingDataMessage>("rts_tdata_error", 1, "error");
  write_reply<igtl::RTSQuaternionTrackingDataMessage>("rts_qtdata", 1, "error");
  write_reply<igtl::RTSBindMessage>("rts_bind", 0, "success");
  write_reply<igtl::RTSBindMessage>("rts_bind_other", 255, "neither success nor error");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: " << argv[0] << " FOLDER BYTE\n";
    return 2;
  }
  folder = argv[1];
  fill = static_cast<unsigned char>(std::atoi(argv[2]));
  try {
    write_transforms();
    write_positions();
    write_images();
    write_statuses();
    write_capabilities();
    write_color_tables();
    write_image_metas();
    write_label_metas();
    write_points();
    write_trajectories();
    write_arrays();
    write_meshes();
    write_sensors();
    write_strings();
    write_tracking_data();
    write_quaternion_tracking_data();
    write_binds();
    write_companions();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
