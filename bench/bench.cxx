// Copyright ros2_igtl contributors
// SPDX-License-Identifier: Apache-2.0
//
// The C++ library of OpenIGTLink as a measured program: a request on each line of stdin, an answer
// on each line of stdout, as in peer.py. bench.py evaluates the results.
//
// Packing is Pack() of a message whose values are set. Unpacking is the work of a receiver on the
// bytes that it has read, including the CRC check. Both measure the library's best case: messages
// and their buffers are reused, and the copy of a large body into the receiving buffer, in place of
// the read from the socket, is not counted. Times are processor times, not times of the clock, so
// that other programs on the machine disturb them less.

#include <time.h>

#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <igtlImageMessage.h>
#include <igtlMessageHeader.h>
#include <igtlPointMessage.h>
#include <igtlPolyDataMessage.h>
#include <igtlStringMessage.h>
#include <igtlTrackingDataMessage.h>
#include <igtlTransformMessage.h>

namespace {

long long now_ns() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

// Smaller copies are counted, since reading the clock takes as long as copying a few kilobytes
constexpr std::size_t kUncountedCopy = 16384;

void copy_content(igtl::TransformMessage* from, igtl::TransformMessage* to) {
  igtl::Matrix4x4 matrix;
  from->GetMatrix(matrix);
  to->SetMatrix(matrix);
}

void copy_content(igtl::StringMessage* from, igtl::StringMessage* to) {
  to->SetEncoding(from->GetEncoding());
  to->SetString(from->GetString());
}

void copy_content(igtl::TrackingDataMessage* from, igtl::TrackingDataMessage* to) {
  for (int i = 0; i < from->GetNumberOfTrackingDataElements(); ++i) {
    igtl::TrackingDataElement::Pointer element;
    from->GetTrackingDataElement(i, element);
    to->AddTrackingDataElement(element);
  }
}

void copy_content(igtl::PointMessage* from, igtl::PointMessage* to) {
  for (int i = 0; i < from->GetNumberOfPointElement(); ++i) {
    igtl::PointElement::Pointer element;
    from->GetPointElement(i, element);
    to->AddPointElement(element);
  }
}

void copy_content(igtl::ImageMessage* from, igtl::ImageMessage* to) {
  int size[3];
  float spacing[3];
  igtl::Matrix4x4 matrix;
  from->GetDimensions(size);
  from->GetSpacing(spacing);
  from->GetMatrix(matrix);
  to->SetDimensions(size);
  to->SetSpacing(spacing);
  to->SetMatrix(matrix);
  to->SetScalarType(from->GetScalarType());
  to->SetNumComponents(from->GetNumComponents());
  to->SetEndian(from->GetEndian());
  to->SetCoordinateSystem(from->GetCoordinateSystem());
  to->AllocateScalars();
  std::memcpy(to->GetScalarPointer(), from->GetScalarPointer(), from->GetImageSize());
}

void copy_content(igtl::PolyDataMessage* from, igtl::PolyDataMessage* to) {
  to->SetPoints(from->GetPoints());
  to->SetPolygons(from->GetPolygons());
}

class Case {
 public:
  virtual ~Case() = default;
  virtual long long pack(long count) = 0;
  virtual long long unpack(long count) = 0;
};

template <class M>
class CaseOf : public Case {
 public:
  explicit CaseOf(std::vector<char> data) : data_(std::move(data)) {
    unpack(2);  // twice: reused objects must not keep values of the last message
    sent_->SetDeviceName(received_->GetDeviceName());
    unsigned int seconds, fraction;
    received_->GetTimeStamp(&seconds, &fraction);
    sent_->SetTimeStamp(seconds, fraction);
    copy_content(received_.GetPointer(), sent_.GetPointer());
    pack(2);
  }

  long long pack(long count) override {
    const auto start_ns = now_ns();
    for (long i = 0; i < count; ++i) {
      sent_->Pack();
    }
    const auto time_ns = now_ns() - start_ns;
    if (static_cast<std::size_t>(sent_->GetPackSize()) != data_.size() ||
        std::memcmp(sent_->GetPackPointer(), data_.data(), data_.size()) != 0) {
      throw std::runtime_error("packing the unpacked message gives other bytes");
    }
    return time_ns;
  }

  long long unpack(long count) override {
    const std::size_t header_size = header_->GetPackSize();
    const std::size_t body_size = data_.size() - header_size;
    long long uncounted_ns = 0;
    const auto start_ns = now_ns();
    for (long i = 0; i < count; ++i) {
      header_->InitPack();
      std::memcpy(header_->GetPackPointer(), data_.data(), header_size);
      header_->Unpack();
      received_->SetMessageHeader(header_);
      received_->AllocatePack();
      if (body_size < kUncountedCopy) {
        std::memcpy(received_->GetPackBodyPointer(), &data_[header_size], body_size);
      } else {
        const auto copy_start_ns = now_ns();
        std::memcpy(received_->GetPackBodyPointer(), &data_[header_size], body_size);
        uncounted_ns += now_ns() - copy_start_ns;
      }
      if (!(received_->Unpack(1) & igtl::MessageHeader::UNPACK_BODY)) {
        throw std::runtime_error("the library rejects the message");
      }
    }
    return now_ns() - start_ns - uncounted_ns;
  }

 private:
  static igtl::MessageHeader::Pointer make_header() {
    auto header = igtl::MessageHeader::New();
    header->InitPack();
    return header;
  }

  std::vector<char> data_;
  igtl::MessageHeader::Pointer header_ = make_header();
  typename M::Pointer received_ = M::New();
  typename M::Pointer sent_ = M::New();
};

std::unique_ptr<Case> load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> data{std::istreambuf_iterator<char>(file), {}};
  if (data.size() < 58) {
    throw std::runtime_error("the file is shorter than a header");
  }
  const std::string type_name = std::string(&data[2], 12).c_str();
  if (type_name == "TRANSFORM") return std::make_unique<CaseOf<igtl::TransformMessage>>(data);
  if (type_name == "STRING") return std::make_unique<CaseOf<igtl::StringMessage>>(data);
  if (type_name == "TDATA") return std::make_unique<CaseOf<igtl::TrackingDataMessage>>(data);
  if (type_name == "POINT") return std::make_unique<CaseOf<igtl::PointMessage>>(data);
  if (type_name == "IMAGE") return std::make_unique<CaseOf<igtl::ImageMessage>>(data);
  if (type_name == "POLYDATA") return std::make_unique<CaseOf<igtl::PolyDataMessage>>(data);
  throw std::runtime_error("bench.cxx has no class for " + type_name);
}

}  // namespace

int main() {
  std::unique_ptr<Case> current;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream request(line);
    std::string verb, argument;
    request >> verb >> argument;
    try {
      if (verb == "load") {
        current.reset();
        current = load(line.substr(verb.size() + 1));
        std::cout << "pack unpack" << std::endl;
      } else {
        long count = 0;
        request >> count;
        const auto time_ns = argument == "pack" ? current->pack(count) : current->unpack(count);
        std::cout << time_ns << std::endl;
      }
    } catch (const std::exception& error) {
      std::cout << "error " << error.what() << std::endl;
    }
  }
}
