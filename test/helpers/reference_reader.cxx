// Copyright ros2_igtl contributors
// SPDX-License-Identifier: Apache-2.0
//
// The OpenIGTLink library of C++ as one that judges: messages on stdin, one behind the other, and
// for each a line of JSON on stdout, in the form that codec.describe gives. Read by the library's
// classes, which check the CRC; what a class does not give out (reserved bytes, raw time stamps,
// the columns of an image) is taken from the library's struct for the body, and BIND is read by
// its helpers in C, for the class starts from memory that nobody set (igtlBindMessage.cxx).
// Texts are the bytes that came. Then the library's Pack() writes over the body that was read, and
// whether the same bytes come of it is said too.

#include <cmath>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <igtlBindMessage.h>
#include <igtlCapabilityMessage.h>
#include <igtlColorTableMessage.h>
#include <igtlImageMessage.h>
#include <igtlImageMetaMessage.h>
#include <igtlLabelMetaMessage.h>
#include <igtlMessageHeader.h>
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
#include <igtl_bind.h>
#include <igtl_header.h>
#include <igtl_image.h>
#include <igtl_imgmeta.h>
#include <igtl_lbmeta.h>
#include <igtl_qtdata.h>
#include <igtl_tdata.h>
#include <igtl_trajectory.h>
#include <igtl_unit.h>
#include <igtl_util.h>

namespace {

// As in codec.describe: more numbers are said by their size and CRC
constexpr std::size_t kLongestArray = 256;

using Texts = std::vector<std::string>;
using Shape = std::vector<std::size_t>;

std::string list(const Texts& items) {
  std::string said;
  for (const auto& item : items) {
    said += (said.empty() ? "" : ",") + item;
  }
  return "[" + said + "]";
}

std::string object(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string said;
  for (const auto& field : fields) {
    said += (said.empty() ? "\"" : ",\"") + field.first + "\":" + field.second;
  }
  return "{" + said + "}";
}

std::string text(const std::string& bytes) {
  std::string said;
  for (const char byte : bytes) {
    char escaped[8];
    const bool control = static_cast<unsigned char>(byte) < 0x20;
    std::snprintf(escaped, sizeof escaped, control ? "\\u%04x" : "%c", byte);
    said += (byte == '"' || byte == '\\' ? "\\" : "") + std::string(escaped);
  }
  return "\"" + said + "\"";
}

// Shown so that Python reads the same number, and a float as a float
template <class T>
std::string number(T value) {
  if (!std::is_floating_point<T>::value) return std::to_string(value);
  if (std::isnan(value)) return text("nan");
  if (std::isinf(value)) return text(value > 0 ? "inf" : "-inf");
  char said[32];
  std::snprintf(said, sizeof said, "%.17g", static_cast<double>(value));
  return std::string(said) + (std::strpbrk(said, ".e") ? "" : ".0");
}

template <class T>
std::string numbers(const T* values, std::size_t count) {
  Texts said;
  for (std::size_t i = 0; i < count; ++i) {
    T value;  // the library packs its structs: a number may lie anywhere
    std::memcpy(&value, values + i, sizeof value);
    said.push_back(number(value));
  }
  return list(said);
}

template <class T, std::size_t N>
std::string numbers(const T (&values)[N]) {
  return numbers(values, N);
}

std::string bulk(const void* data, std::size_t size) {
  const auto bytes = static_cast<unsigned char*>(const_cast<void*>(data));
  const unsigned long long crc = crc64(bytes, size, 0);
  char said[17];
  std::snprintf(said, sizeof said, "%016llx", crc);
  return object({{"bytes", number(size)}, {"crc64", text(said)}});
}

// Numbers in as many lists within lists as there are dimensions
template <class T>
std::string nested(const T*& values, const Shape& shape, std::size_t axis = 0) {
  if (axis == shape.size()) return number(*values++);
  Texts said;
  for (std::size_t i = 0; i < shape[axis]; ++i) {
    said.push_back(nested(values, shape, axis + 1));
  }
  return list(said);
}

// An array and its type: the numbers, or their size and CRC in the byte order of the network
template <class T>
std::string array(const void* data, Shape shape, const std::string& dtype) {
  auto values = static_cast<const T*>(data);
  const auto said_shape = numbers(shape.data(), shape.size());
  std::size_t count = 1;
  for (const auto size : shape) count *= size;
  const bool is_short = count <= kLongestArray;
  if (dtype == ">c16") {  // real part, imaginary part
    shape.push_back(2);
    count *= 2;
  }
  if (is_short) {
    return object({{"shape", said_shape},
                   {"dtype", text(dtype)},
                   {"values", count ? nested(values, shape) : "[]"}});
  }
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string value(reinterpret_cast<const char*>(values + i), sizeof(T));
    bytes.append(value.rbegin(), value.rend());
  }
  auto said = bulk(bytes.data(), bytes.size());
  said.back() = ',';
  return said + object({{"shape", said_shape}, {"dtype", text(dtype)}}).substr(1);
}

template <class T>
const T* body_of(igtl::MessageBase* message) {
  return static_cast<const T*>(message->GetPackBodyPointer());
}

// Of the types that are no more than a header
std::string say(igtl::MessageBase*) { return object({}); }

std::string say(igtl::TransformMessage* message) {
  igtl::Matrix4x4 matrix;
  message->GetMatrix(matrix);
  std::vector<std::pair<std::string, std::string>> fields;
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      fields.push_back({"r" + std::to_string(row + 1) + std::to_string(column + 1),
                        number(matrix[row][column])});
    }
    fields.push_back({std::string("t") + "xyz"[row], number(matrix[row][3])});
  }
  return object(fields);
}

std::string say(igtl::PositionMessage* message) {
  float position[3], quaternion[4];
  message->GetPosition(position);
  message->GetQuaternion(quaternion);
  return object({{"x", number(position[0])},
                 {"y", number(position[1])},
                 {"z", number(position[2])},
                 {"ox", number(quaternion[0])},
                 {"oy", number(quaternion[1])},
                 {"oz", number(quaternion[2])},
                 {"w", number(quaternion[3])},
                 {"content_size", number(message->GetPackBodySize())}});
}

std::string say(igtl::ImageMessage* message) {
  static const std::map<int, const char*> scalar_types = {
      {igtl::ImageMessage::TYPE_INT8, "INT8"},
      {igtl::ImageMessage::TYPE_UINT8, "UINT8"},
      {igtl::ImageMessage::TYPE_INT16, "INT16"},
      {igtl::ImageMessage::TYPE_UINT16, "UINT16"},
      {igtl::ImageMessage::TYPE_INT32, "INT32"},
      {igtl::ImageMessage::TYPE_UINT32, "UINT32"},
      {igtl::ImageMessage::TYPE_FLOAT32, "FLOAT32"},
      {igtl::ImageMessage::TYPE_FLOAT64, "FLOAT64"}};
  static const std::map<int, const char*> endians = {
      {igtl::ImageMessage::ENDIAN_BIG, "BIG"}, {igtl::ImageMessage::ENDIAN_LITTLE, "LITTLE"}};
  static const std::map<int, const char*> coordinates = {
      {igtl::ImageMessage::COORDINATE_RAS, "RAS"}, {igtl::ImageMessage::COORDINATE_LPS, "LPS"}};
  int size[3], sub_size[3], offset[3];
  float position[3];
  message->GetDimensions(size);
  message->GetSubVolume(sub_size, offset);
  message->GetOrigin(position);
  return object(
      {{"components", number(message->GetNumComponents())},
       {"scalar_type", text(scalar_types.at(message->GetScalarType()))},
       {"endian", text(endians.at(message->GetEndian()))},
       {"coordinate", text(coordinates.at(message->GetCoordinateSystem()))},
       {"size", numbers(size)},
       {"axes", numbers(body_of<igtl_image_header>(message)->matrix, 9)},
       {"position", numbers(position)},
       {"offset", numbers(offset)},
       {"sub_size", numbers(sub_size)},
       {"data", bulk(message->GetScalarPointer(), message->GetSubVolumeImageSize())}});
}

std::string say(igtl::StatusMessage* message) {
  return object({{"code", number(message->GetCode())},
                 {"subcode", number(message->GetSubCode())},
                 {"error_name", text(message->GetErrorName())},
                 {"message", text(message->GetStatusString())}});
}

std::string say(igtl::StringMessage* message) {
  return object({{"encoding", number(message->GetEncoding())},
                 {"text", text(message->GetString())}});
}

std::string say(igtl::CapabilityMessage* message) {
  Texts names;
  for (int i = 0; i < message->GetNumberOfTypes(); ++i) {
    names.push_back(text(message->GetType(i)));
  }
  return object({{"type_names", list(names)}});
}

std::string say(igtl::SensorMessage* message) {
  igtl_unit_data unit;
  igtl_unit_unpack(message->GetUnit(), &unit);
  Texts values;
  for (unsigned int i = 0; i < message->GetLength(); ++i) {
    values.push_back(number(message->GetValue(i)));
  }
  return object({{"values", list(values)},
                 {"status", number(body_of<unsigned char>(message)[1])},
                 {"unit", object({{"word", number(message->GetUnit())},
                                  {"prefix", number(unit.prefix)},
                                  {"units", numbers(unit.unit)},
                                  {"exponents", numbers(unit.exp)}})}});
}

std::string say(igtl::NDArrayMessage* message) {
  using Say = std::string (*)(const void*, Shape, const std::string&);
  static const std::map<int, std::pair<Say, const char*>> types = {
      {igtl::NDArrayMessage::TYPE_INT8, {array<igtlInt8>, "|i1"}},
      {igtl::NDArrayMessage::TYPE_UINT8, {array<igtlUint8>, "|u1"}},
      {igtl::NDArrayMessage::TYPE_INT16, {array<igtlInt16>, ">i2"}},
      {igtl::NDArrayMessage::TYPE_UINT16, {array<igtlUint16>, ">u2"}},
      {igtl::NDArrayMessage::TYPE_INT32, {array<igtlInt32>, ">i4"}},
      {igtl::NDArrayMessage::TYPE_UINT32, {array<igtlUint32>, ">u4"}},
      {igtl::NDArrayMessage::TYPE_FLOAT32, {array<igtlFloat32>, ">f4"}},
      {igtl::NDArrayMessage::TYPE_FLOAT64, {array<igtlFloat64>, ">f8"}},
      {igtl::NDArrayMessage::TYPE_COMPLEX, {array<igtlFloat64>, ">c16"}}};
  Shape shape;
  for (const auto size : message->GetArray()->GetSize()) shape.push_back(size);
  const auto& type = types.at(message->GetType());
  return object({{"array", type.first(message->GetArray()->GetRawArray(), shape, type.second)}});
}

std::string say(igtl::ColorTableMessage* message) {
  const std::size_t count =
      message->GetIndexType() == igtl::ColorTableMessage::INDEX_UINT8 ? 256 : 65536;
  const void* data = message->GetTablePointer();
  switch (message->GetMapType()) {
    case igtl::ColorTableMessage::MAP_UINT8:
      return object({{"table", array<igtlUint8>(data, {count}, "|u1")}});
    case igtl::ColorTableMessage::MAP_UINT16:
      return object({{"table", array<igtlUint16>(data, {count}, ">u2")}});
    default:
      return object({{"table", array<igtlUint8>(data, {count, 3}, "|u1")}});
  }
}

std::string say(igtl::PointMessage* message) {
  Texts elements;
  for (int i = 0; i < message->GetNumberOfPointElement(); ++i) {
    igtl::PointElement::Pointer element;
    message->GetPointElement(i, element);
    igtlUint8 rgba[4];
    igtlFloat32 position[3];
    element->GetRGBA(rgba);
    element->GetPosition(position);
    elements.push_back(object({{"name", text(element->GetName())},
                               {"group", text(element->GetGroupName())},
                               {"rgba", numbers(rgba)},
                               {"position", numbers(position)},
                               {"size", number(element->GetRadius())},
                               {"owner", text(element->GetOwner())}}));
  }
  return object({{"elements", list(elements)}});
}

std::string say(igtl::TrajectoryMessage* message) {
  Texts elements;
  for (int i = 0; i < message->GetNumberOfTrajectoryElement(); ++i) {
    igtl::TrajectoryElement::Pointer element;
    message->GetTrajectoryElement(i, element);
    igtlUint8 rgba[4];
    igtlFloat32 entry[3], target[3];
    element->GetRGBA(rgba);
    element->GetEntryPosition(entry);
    element->GetTargetPosition(target);
    const igtlUint8 reserved = body_of<igtl_trajectory_element>(message)[i].reserved;
    elements.push_back(object({{"name", text(element->GetName())},
                               {"group", text(element->GetGroupName())},
                               {"trajectory_type", number(element->GetType())},
                               {"reserved", number(reserved)},
                               {"rgba", numbers(rgba)},
                               {"entry", numbers(entry)},
                               {"target", numbers(target)},
                               {"size", number(element->GetRadius())},
                               {"owner", text(element->GetOwner())}}));
  }
  return object({{"elements", list(elements)}});
}

std::string say(igtl::TrackingDataMessage* message) {
  Texts elements;
  for (int i = 0; i < message->GetNumberOfTrackingDataElements(); ++i) {
    igtl::TrackingDataElement::Pointer element;
    message->GetTrackingDataElement(i, element);
    igtl::Matrix4x4 matrix;
    element->GetMatrix(matrix);
    Texts columns;
    for (int column = 0; column < 4; ++column) {
      const float rows[] = {matrix[0][column], matrix[1][column], matrix[2][column]};
      columns.push_back(numbers(rows));
    }
    elements.push_back(
        object({{"name", text(element->GetName())},
                {"tool_type", number(element->GetType())},
                {"reserved", number(body_of<igtl_tdata_element>(message)[i].reserved)},
                {"matrix", list(columns)}}));
  }
  return object({{"elements", list(elements)}});
}

std::string say(igtl::QuaternionTrackingDataMessage* message) {
  Texts elements;
  for (int i = 0; i < message->GetNumberOfQuaternionTrackingDataElements(); ++i) {
    igtl::QuaternionTrackingDataElement::Pointer element;
    message->GetQuaternionTrackingDataElement(i, element);
    float position[3], quaternion[4];
    element->GetPosition(position);
    element->GetQuaternion(quaternion);
    elements.push_back(
        object({{"name", text(element->GetName())},
                {"tool_type", number(element->GetType())},
                {"reserved", number(body_of<igtl_qtdata_element>(message)[i].reserved)},
                {"position", numbers(position)},
                {"quaternion", numbers(quaternion)}}));
  }
  return object({{"elements", list(elements)}});
}

std::string say(igtl::ImageMetaMessage* message) {
  Texts elements;
  for (int i = 0; i < message->GetNumberOfImageMetaElement(); ++i) {
    igtl::ImageMetaElement::Pointer element;
    message->GetImageMetaElement(i, element);
    igtlUint16 size[3];
    element->GetSize(size);
    const auto& raw = body_of<igtl_imgmeta_element>(message)[i];
    const igtl_uint64 timestamp = raw.timestamp;
    elements.push_back(object({{"name", text(element->GetName())},
                               {"device_name", text(element->GetDeviceName())},
                               {"modality", text(element->GetModality())},
                               {"patient_name", text(element->GetPatientName())},
                               {"patient_id", text(element->GetPatientID())},
                               {"timestamp", number(timestamp)},
                               {"size", numbers(size)},
                               {"scalar_type", number(element->GetScalarType())},
                               {"reserved", number(raw.reserved)}}));
  }
  return object({{"elements", list(elements)}});
}

std::string say(igtl::LabelMetaMessage* message) {
  Texts elements;
  for (int i = 0; i < message->GetNumberOfLabelMetaElement(); ++i) {
    igtl::LabelMetaElement::Pointer element;
    message->GetLabelMetaElement(i, element);
    igtlUint8 rgba[4];
    igtlUint16 size[3];
    element->GetRGBA(rgba);
    element->GetSize(size);
    elements.push_back(
        object({{"name", text(element->GetName())},
                {"device_name", text(element->GetDeviceName())},
                {"label", number(element->GetLabel())},
                {"reserved", number(body_of<igtl_lbmeta_element>(message)[i].reserved)},
                {"rgba", numbers(rgba)},
                {"size", numbers(size)},
                {"owner", text(element->GetOwner())}}));
  }
  return object({{"elements", list(elements)}});
}

std::string say(igtl::PolyDataCellArray* cells) {
  Texts said;
  for (unsigned int i = 0; i < cells->GetNumberOfCells(); ++i) {
    std::vector<igtlUint32> cell(cells->GetCellSize(i));
    cells->GetCell(i, cell.data());
    said.push_back(numbers(cell.data(), cell.size()));
  }
  return list(said);
}

std::string say(igtl::PolyDataAttribute* attribute) {
  static const std::map<int, const char*> types = {
      {igtl::PolyDataAttribute::POINT_SCALAR, "POINT_SCALARS"},
      {igtl::PolyDataAttribute::POINT_VECTOR, "POINT_VECTORS"},
      {igtl::PolyDataAttribute::POINT_NORMAL, "POINT_NORMALS"},
      {igtl::PolyDataAttribute::POINT_TENSOR, "POINT_TENSORS"},
      {igtl::PolyDataAttribute::CELL_TENSOR, "CELL_TENSORS"}};
  const std::size_t components = attribute->GetNumberOfComponents();
  const Shape shape{attribute->GetSize(), components};
  std::vector<igtlFloat32> data(shape[0] * components);
  attribute->GetData(data.data());
  const igtlFloat32* values = data.data();
  // As in codec.describe: an array without numbers says its shape
  return object({{"attribute_type", text(types.at(attribute->GetType()))},
                 {"name", text(attribute->GetName())},
                 {"values", data.empty() ? array<igtlFloat32>(values, shape, ">f4")
                                         : nested(values, shape)}});
}

std::string say(igtl::PolyDataMessage* message) {
  Texts points, attributes;
  for (int i = 0; i < message->GetPoints()->GetNumberOfPoints(); ++i) {
    igtlFloat32 point[3];
    message->GetPoints()->GetPoint(i, point);
    points.push_back(numbers(point));
  }
  for (int i = 0; i < message->GetNumberOfAttributes(); ++i) {
    attributes.push_back(say(message->GetAttribute(i)));
  }
  return object({{"points", list(points)},
                 {"vertices", say(message->GetVertices())},
                 {"lines", say(message->GetLines())},
                 {"polygons", say(message->GetPolygons())},
                 {"triangle_strips", say(message->GetTriangleStrips())},
                 {"attributes", list(attributes)}});
}

template <class M>
std::string say_start(M* message) {
  return object({{"resolution", number(message->GetResolution())},
                 {"coordinate_name", text(message->GetCoordinateName())}});
}

template <class M>
std::string say_reply(M* message) {
  return object({{"status", number(message->GetStatus())}});
}

std::string say(igtl::StartTrackingDataMessage* message) { return say_start(message); }
std::string say(igtl::StartQuaternionTrackingDataMessage* message) { return say_start(message); }
std::string say(igtl::RTSTrackingDataMessage* message) { return say_reply(message); }
std::string say(igtl::RTSQuaternionTrackingDataMessage* message) { return say_reply(message); }
std::string say(igtl::RTSBindMessage* message) { return say_reply(message); }

std::string say_message(const std::string& data, bool is_child);

// The children of a BIND become messages with a header
std::string say_child(const igtl_bind_child_info& child) {
  igtl_header header = {};
  header.version = 1;
  std::memcpy(header.name, child.type, sizeof header.name);
  std::memcpy(header.device_name, child.name, sizeof header.device_name);
  header.body_size = child.size;
  header.crc = crc64(static_cast<unsigned char*>(child.ptr), child.size, 0);
  igtl_header_convert_byte_order(&header);
  const std::string head(reinterpret_cast<const char*>(&header), sizeof header);
  return say_message(head + std::string(static_cast<const char*>(child.ptr), child.size), true);
}

std::string say_bind(igtl::MessageBase* message, int prefix) {
  igtl_bind_info info;
  igtl_bind_init_info(&info);
  if (!igtl_bind_unpack(prefix, message->GetPackBodyPointer(), &info,
                        message->GetPackBodySize())) {
    throw std::runtime_error("no BIND");
  }
  Texts children;
  for (int i = 0; i < info.ncmessages; ++i) {
    const auto& child = info.child_info_array[i];
    children.push_back(prefix == IGTL_TYPE_PREFIX_NONE
                           ? say_child(child)
                           : list({text(child.type), text(child.name)}));
  }
  const auto resolution_ns = number(info.resol);
  igtl_bind_free_info(&info);
  if (prefix != IGTL_TYPE_PREFIX_STT) return object({{"children", list(children)}});
  return object({{"children", list(children)}, {"resolution_ns", resolution_ns}});
}

// MessageBase has no content of its own: these types are read by other means than a class
struct Raw {
  using Pointer = igtl::MessageBase::Pointer;
  static Pointer New() { return igtl::MessageBase::New(); }
};

bool packs(igtl::MessageBase*) { return true; }

// Of the shorter forms the library swaps bytes beyond the end (igtlPositionMessage.cxx)
bool packs(igtl::PositionMessage* message) { return message->GetPackBodySize() == 28; }

template <class M>
typename M::Pointer unpack(const std::string& data) {
  auto header = igtl::MessageHeader::New();
  header->InitPack();
  std::memcpy(header->GetPackPointer(), data.data(), IGTL_HEADER_SIZE);
  header->Unpack();
  auto message = M::New();
  message->SetMessageHeader(header);
  message->AllocatePack();
  if (message->GetPackSize() != static_cast<int>(data.size())) {
    throw std::runtime_error("another size");
  }
  std::memcpy(message->GetPackBodyPointer(), &data[IGTL_HEADER_SIZE],
              data.size() - IGTL_HEADER_SIZE);
  const bool has_body = data.size() > IGTL_HEADER_SIZE;
  if (has_body && !(message->Unpack(1) & igtl::MessageHeader::UNPACK_BODY)) {
    throw std::runtime_error("refused");
  }
  return message;
}

// What a content says, and whether it packs to what it came from
using Said = std::pair<std::string, std::string>;

template <class M>
Said read(const std::string& data) {
  auto message = unpack<M>(data);
  const auto said = say(message.GetPointer());
  if (!packs(message.GetPointer())) return {said, "null"};
  message->Pack();
  const std::string packed(static_cast<const char*>(message->GetPackPointer()),
                           message->GetPackSize());
  return {said, packed == data ? "true" : "false"};
}

template <int prefix>
Said read_bind(const std::string& data) {
  return {say_bind(unpack<Raw>(data).GetPointer(), prefix), "null"};
}

Said read_unknown(const std::string& data) {
  auto message = unpack<Raw>(data);
  const auto said = bulk(message->GetPackBodyPointer(), message->GetPackBodySize());
  return {object({{"body", said}}), "null"};
}

const std::map<std::string, Said (*)(const std::string&)> kReaders = {
    {"TRANSFORM", read<igtl::TransformMessage>},
    {"GET_TRANS", read<igtl::GetTransformMessage>},
    {"POSITION", read<igtl::PositionMessage>},
    {"IMAGE", read<igtl::ImageMessage>},
    {"GET_IMAGE", read<igtl::GetImageMessage>},
    {"STATUS", read<igtl::StatusMessage>},
    {"GET_STATUS", read<igtl::GetStatusMessage>},
    {"CAPABILITY", read<igtl::CapabilityMessage>},
    {"GET_CAPABIL", read<igtl::GetCapabilityMessage>},
    {"COLORT", read<igtl::ColorTableMessage>},
    {"GET_COLORT", read<igtl::GetColorTableMessage>},
    {"IMGMETA", read<igtl::ImageMetaMessage>},
    {"GET_IMGMETA", read<igtl::GetImageMetaMessage>},
    {"LBMETA", read<igtl::LabelMetaMessage>},
    {"GET_LBMETA", read<igtl::GetLabelMetaMessage>},
    {"NDARRAY", read<igtl::NDArrayMessage>},
    {"POINT", read<igtl::PointMessage>},
    {"GET_POINT", read<igtl::GetPointMessage>},
    {"POLYDATA", read<igtl::PolyDataMessage>},
    {"GET_POLYDATA", read<igtl::GetPolyDataMessage>},
    {"QTDATA", read<igtl::QuaternionTrackingDataMessage>},
    {"STT_QTDATA", read<igtl::StartQuaternionTrackingDataMessage>},
    {"STP_QTDATA", read<igtl::StopQuaternionTrackingDataMessage>},
    {"RTS_QTDATA", read<igtl::RTSQuaternionTrackingDataMessage>},
    {"SENSOR", read<igtl::SensorMessage>},
    {"STRING", read<igtl::StringMessage>},
    {"TDATA", read<igtl::TrackingDataMessage>},
    {"STT_TDATA", read<igtl::StartTrackingDataMessage>},
    {"STP_TDATA", read<igtl::StopTrackingDataMessage>},
    {"RTS_TDATA", read<igtl::RTSTrackingDataMessage>},
    {"TRAJ", read<igtl::TrajectoryMessage>},
    {"GET_TRAJ", read<igtl::GetTrajectoryMessage>},
    {"BIND", read_bind<IGTL_TYPE_PREFIX_NONE>},
    {"GET_BIND", read_bind<IGTL_TYPE_PREFIX_GET>},
    {"STT_BIND", read_bind<IGTL_TYPE_PREFIX_STT>},
    {"STP_BIND", read<igtl::StopBindMessage>},
    {"RTS_BIND", read<igtl::RTSBindMessage>},
};

std::string say_message(const std::string& data, bool is_child) {
  auto header = igtl::MessageHeader::New();
  header->InitPack();
  std::memcpy(header->GetPackPointer(), data.data(), IGTL_HEADER_SIZE);
  header->Unpack();
  const std::string type_name = header->GetDeviceType();
  const auto reader = kReaders.find(type_name);
  const auto said = (reader == kReaders.end() ? read_unknown : reader->second)(data);
  const auto type = text(type_name), device = text(header->GetDeviceName());
  if (is_child) {
    return object({{"type_name", type}, {"device_name", device}, {"content", said.first}});
  }
  unsigned int seconds, fraction;
  header->GetTimeStamp(&seconds, &fraction);
  return object({{"type_name", type},
                 {"device_name", device},
                 {"timestamp", number(static_cast<igtlUint64>(seconds) << 32 | fraction)},
                 {"content", said.first},
                 {"packs_to_the_same", said.second}});
}

}  // namespace

int main() {
  std::string data(IGTL_HEADER_SIZE, '\0');
  while (std::cin.read(&data[0], IGTL_HEADER_SIZE)) {
    auto header = igtl::MessageHeader::New();
    header->InitPack();
    std::memcpy(header->GetPackPointer(), data.data(), IGTL_HEADER_SIZE);
    header->Unpack();
    data.resize(IGTL_HEADER_SIZE + header->GetBodySizeToRead());
    std::cin.read(&data[IGTL_HEADER_SIZE], header->GetBodySizeToRead());
    try {
      std::cout << say_message(data, false) << std::endl;
    } catch (const std::exception& error) {
      std::cout << object({{"error", text(error.what())}}) << std::endl;
    }
    data.resize(IGTL_HEADER_SIZE);
  }
}
