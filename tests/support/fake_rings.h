// SPDX-License-Identifier: Apache-2.0
// The kernel's side of both rings, in plain memory: writers that lay records down byte by byte as
// the kernel does, and that tests can ask for records no kernel would write.
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "perf/perf_buffer.h"
#include "perf/ring_buffer.h"

namespace bpfld::test {

// Bytes 0, 1, 2, ... starting at `first`: a sample whose every byte can be checked.
inline std::vector<std::byte> counting_bytes(std::size_t size, u8 first = 0) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; i++)
    bytes[i] = static_cast<std::byte>(first + i);
  return bytes;
}

inline u64 round_up_8(u64 size) {
  return (size + 7) / 8 * 8;
}

// A perf ring of `size` bytes, once; `start` is where both positions begin.
class FakePerfRing {
 public:
  explicit FakePerfRing(u64 size, u64 start = 0) : tail(start), head(start), memory(size) {}

  u64 tail;
  u64 head;
  std::vector<std::byte> memory;

  u64 room() const { return memory.size() - (head - tail); }
  void put(Bytes bytes) {
    for (const std::byte byte : bytes)
      memory[head++ & (memory.size() - 1)] = byte;
  }
  void header(u32 type, u64 size) {
    const perf::PerfRecordHeader record{type, 0, static_cast<u16>(size)};
    put(bytes_of(record));
  }
  // As perf_output_sample() writes raw data: the size field covers the padding to 8 bytes.
  void sample(Bytes data) {
    const u64 padded = round_up_8(data.size() + 4) - 4;
    header(perf::kRecordSample, 8 + 4 + padded);
    put(bytes_of(static_cast<u32>(padded)));
    put(data);
    const std::vector<std::byte> padding(padded - data.size());
    put(padding);
  }
  void lost(u64 events) {
    header(perf::kRecordLost, 24);
    put(bytes_of(u64{7}));
    put(bytes_of(events));
  }
  void unknown(u32 type, u64 body) {
    header(type, 8 + body);
    const std::vector<std::byte> zeros(body);
    put(zeros);
  }
};

// A BPF ring buffer of `size` bytes; `copies` is 2 as the kernel maps it, or 1.
class FakeBpfRing {
 public:
  explicit FakeBpfRing(u64 bytes, u64 start = 0, u64 copies = 2)
      : size(bytes), consumer(start), producer(start), memory(bytes * copies) {}

  u64 size;
  u64 consumer;
  u64 producer;
  std::vector<std::byte> memory;

  void put_at(u64 position, Bytes bytes) {
    for (const std::byte byte : bytes) {
      const u64 offset = position++ & (size - 1);
      memory[offset] = byte;
      if (memory.size() > size) memory[offset + size] = byte;
    }
  }
  // Writes a record whose length word is `word`, and moves the producer; the record's position.
  u64 record(u32 word, Bytes data) {
    const u64 at = producer;
    put_at(at, bytes_of(word));
    put_at(at + 4, bytes_of(u32{0}));
    put_at(at + 8, data);
    producer += perf::ring_record_size(static_cast<u32>(data.size()));
    return at;
  }
  u64 sample(Bytes data) { return record(static_cast<u32>(data.size()), data); }
  u64 busy(Bytes data) { return record(static_cast<u32>(data.size()) | perf::kRingBusy, data); }
  u64 discard(Bytes data) {
    return record(static_cast<u32>(data.size()) | perf::kRingDiscard, data);
  }
};

}  // namespace bpfld::test
