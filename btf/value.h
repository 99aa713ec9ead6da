// SPDX-License-Identifier: Apache-2.0
// A program writes a struct into a ring and its BTF says what the bytes are. Thousands of such
// records come per second, so what can be known from the type is worked out once, as a list of
// fields: where each one starts, how its bits are to be read, what its column is called. Reading a
// record is then a loop over that list. Nothing here makes text; that is print_value.h.
//
// A record may be shorter than its struct (a program may send only what it filled in) and longer (a
// perf sample is padded; a flexible array takes the rest): every read is checked against its bytes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "btf/layout.h"

namespace bpfld::btf {

enum class Form : u8 {
  unsigned_,
  signed_,
  boolean,
  character,  // a single char
  pointer,
  floating,
  enum_,
  flags,  // an enum whose values are single bits, to be shown as A|B
  text,   // an array of char
  bytes,  // an array of unsigned char
  wide,   // an integer of more than 64 bits
  array,
  composite,  // a struct or union
  opaque,     // nothing that can be shown: a forward declaration, a function, a chain without end
};

// spec: how to read the value of a type, once it is known where it starts.
struct Shape {
  Form form = Form::opaque;
  TypeId type = {};            // without typedefs and qualifiers
  u64 bits = 0;                // of the whole value
  u32 bit_skip = 0;            // old-style bitfields start that far into their INT
  bool network_order = false;  // declared __be16, __be32 or __be64
};

// The shape of a type; `bitfield_size` is the member's, 0 when it is not a bitfield.
Shape shape_of(const View& view, TypeId type, u32 bitfield_size = 0);
// "pad", "__pad1", "_padding", "pad_2": the name of bytes that mean nothing.
bool is_padding_name(std::string_view name);
// Whether a value of that form is one number.
bool is_integer(Form form);

// How a value is meant: see shown_as.h.
enum class Show : u8 {
  plain,  // as its type says
  ip,     // an IPv4 or IPv6 address, bytes in the order of the network
  mac,
  port,  // 16 bits in the order of the network
  hex,
  nanoseconds,
  microseconds,
  milliseconds,
  seconds,
};

// A place in a record, in bits from its start.
struct Place {
  u64 bit_offset = 0;
  u64 bits = 0;
};

// spec: one column of a record.
struct Field {
  std::string name;  // the member's; "value" for a type that is not a struct
  TypeId type = {};  // as declared
  Shape shape;
  u64 bit_offset = 0;  // from the start of the record
  bool padding = false;
  bool hidden = false;  // not a text column: named "__...", padding, or tagged "bpfld:hidden"
  // The struct's last member, when it is an array: takes what the record has.
  bool tail = false;
  // Several NUL-terminated strings may follow each other: a flexible tail, or one with a bound.
  bool many_strings = false;
  // Where the tail's size in bytes is to be read: the sibling named <name>_size or <name>_len.
  std::optional<Place> bound;
  Show show = Show::plain;        // by a tag; only what the shape can be shown as
  std::vector<std::string> tags;  // decl tags "bpfld:..." of the member, without the prefix
};

inline constexpr std::size_t kMaxFields = 4096;

// The columns of a struct or union (or of a typedef of one), members of anonymous members included
// as if they were its own; one column "value" for any other type. At most kMaxFields, the rest is
// dropped.
std::vector<Field> columns(const View& view, TypeId type);

// `bits` (at most 64) of the record from `bit_offset` on, as the host lays bitfields out: counted
// from the lowest bit of the first byte on a little-endian host, from the highest on a big-endian
// one. Nothing when they do not lie inside.
std::optional<u64> read_bits(Bytes record, u64 bit_offset, u64 bits, ByteOrder order = kHostOrder);
// The number at a place, sign-extended when the shape is signed, in host order when it was in
// network order. Nothing when the shape is no number of up to 64 bits or the record is too short.
std::optional<u64> read_number(const Shape& shape, Bytes record, u64 bit_offset, bool is_signed);
// The same for a field: what a filter compares. An enum gives its number, a bool 0 or 1.
std::optional<u64> field_number(const View& view, const Field& field, Bytes record);

// The bytes of a text or bytes field that this record has, at most the array's, at most the
// bound's; nothing when the record ends before the field.
std::optional<Bytes> field_bytes(const Field& field, Bytes record);

}  // namespace bpfld::btf
