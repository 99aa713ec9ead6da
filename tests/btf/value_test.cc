// SPDX-License-Identifier: Apache-2.0
// Records and their types, as columns, text and JSON.
#include <algorithm>
#include <doctest/doctest.h>
#include <limits>

#include "btf/print_value.h"
#include "tests/support/btf_builder.h"

using namespace bpfld;
using namespace bpfld::btf;
using test::BtfBuilder;

namespace {

struct Parsed {
  std::vector<std::byte> blob;
  View view;
  explicit Parsed(const BtfBuilder& builder) : blob(builder.bytes()), view(*View::parse(blob)) {
    CHECK(test::message(view.validate()) == "no error");
  }
  std::string text(TypeId type, Bytes bytes) const { return print_text(view, type, bytes); }
  std::string json(TypeId type, Bytes bytes) const { return print_json(view, type, bytes); }
};

// Bytes of values one after the other, as the host has them in memory.
class Sent {
 public:
  template <typename T>
  Sent& put(T value) {
    const Bytes raw = bytes_of(value);
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    return *this;
  }
  // Text, then zeros up to `size` bytes.
  Sent& put_text(std::string_view text, std::size_t size = 0) {
    const std::size_t end = bytes_.size() + std::max(size, text.size());
    const Bytes raw = bytes_of(text);
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    bytes_.resize(end);
    return *this;
  }
  Bytes bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

// The types that the cases share.
struct Basics {
  BtfBuilder b;
  TypeId i = b.add_int("int", 4);
  TypeId u = b.add_uint("unsigned int", 4);
  TypeId u64_id = b.add_uint("long long unsigned int", 8);
  TypeId i64_id = b.add_int("long long int", 8);
  TypeId c = b.add_char();
  TypeId byte = b.add_uint("unsigned char", 1);
  TypeId u16_id = b.add_uint("short unsigned int", 2);
  TypeId boolean = b.add_bool();
  TypeId comm = b.add_array(c, i, 16);
  TypeId flexible = b.add_array(c, i, 0);
};

std::vector<std::string> names_of(const std::vector<Field>& fields) {
  std::vector<std::string> out;
  for (const Field& field : fields)
    out.push_back(field.name);
  return out;
}

}  // namespace

TEST_CASE("btf value: an event prints its numbers, strings and bools") {
  Basics t;
  const TypeId event = t.b.add_struct(
      "event", 25,
      {{"pid", t.i, 0}, {"ret", t.i, 32}, {"comm", t.comm, 64}, {"done", t.boolean, 192}});
  const Parsed btf(t.b);
  Sent record;
  record.put(42).put(-2).put_text("bash", 16).put(true);
  CHECK(btf.text(event, record.bytes()) == "{pid=42 ret=-2 comm=\"bash\" done=true}");
  CHECK(btf.json(event, record.bytes()) == R"({"pid":42,"ret":-2,"comm":"bash","done":true})");
}

TEST_CASE("btf value: integers keep every digit; beyond 2^53 they are JSON strings") {
  Basics t;
  const Parsed btf(t.b);
  Sent most, least, safe, unsafe, smallest;
  most.put(~u64{0});
  least.put(std::numeric_limits<i64>::min());
  safe.put(u64{1} << 53);
  unsafe.put((u64{1} << 53) + 1);
  smallest.put(i64{-1});
  CHECK(btf.text(t.u64_id, most.bytes()) == "18446744073709551615");
  CHECK(btf.json(t.u64_id, most.bytes()) == "\"18446744073709551615\"");
  CHECK(btf.json(t.i64_id, least.bytes()) == "\"-9223372036854775808\"");
  CHECK(btf.json(t.u64_id, safe.bytes()) == "9007199254740992");
  CHECK(btf.json(t.u64_id, unsafe.bytes()) == "\"9007199254740993\"");
  CHECK(btf.json(t.i64_id, smallest.bytes()) == "-1");
}

TEST_CASE("btf value: an integer of 128 bits is hexadecimal") {
  Basics t;
  const TypeId wide = t.b.add_uint("unsigned __int128", 16);
  const Parsed btf(t.b);
  Sent one, large;
  const bool little = kHostOrder == ByteOrder::little;
  one.put(u64{little ? 1u : 0u}).put(u64{little ? 0u : 1u});
  large.put(u64{little ? 2u : 1u}).put(u64{little ? 1u : 2u});
  CHECK(btf.text(wide, one.bytes()) == "0x1");
  CHECK(btf.text(wide, large.bytes()) == "0x10000000000000002");
  CHECK(btf.json(wide, one.bytes()) == "\"0x1\"");
}

TEST_CASE("btf value: strings stop at their NUL, and what is not text is escaped") {
  Basics t;
  const Parsed btf(t.b);
  Sent plain, hostile, full;
  plain.put_text(std::string_view("ls\0garbage", 10), 16);
  hostile.put_text("\x1b[31mred\"\\", 16);
  full.put_text("0123456789abcdef");
  CHECK(btf.text(t.comm, plain.bytes()) == "ls");
  CHECK(btf.json(t.comm, plain.bytes()) == "\"ls\"");
  CHECK(btf.text(t.comm, hostile.bytes()) == "\\x1b[31mred\"\\");
  CHECK(btf.json(t.comm, hostile.bytes()) == R"("\u001b[31mred\"\\")");
  CHECK(btf.text(t.comm, full.bytes()) == "0123456789abcdef");
}

TEST_CASE("btf value: a quote inside a nested string does not end it") {
  Basics t;
  const TypeId inner = t.b.add_struct("inner", 16, {{"name", t.comm, 0}});
  const TypeId outer = t.b.add_struct("outer", 16, {{"in", inner, 0}});
  const Parsed btf(t.b);
  Sent record;
  record.put_text("a\" b=\"2", 16);
  CHECK(btf.text(outer, record.bytes()) == R"({in={name="a\" b=\"2"}})");
}

TEST_CASE(
    "btf value: unsigned bytes are hexadecimal in text, numbers in JSON; signed ones are numbers") {
  Basics t;
  const TypeId mac = t.b.add_array(t.b.add_typedef("u8", t.byte), t.i, 6);
  const TypeId deltas = t.b.add_array(t.b.add_int("signed char", 1), t.i, 2);
  const Parsed btf(t.b);
  Sent record;
  record.put_text(std::string_view("\x00\xff\x12\x34\x56\x78", 6));
  CHECK(btf.text(mac, record.bytes()) == "00ff12345678");
  CHECK(btf.json(mac, record.bytes()) == "[0,255,18,52,86,120]");
  CHECK(btf.text(deltas, record.bytes()) == "[0,-1]");
}

TEST_CASE("btf value: enums print their names; JSON keeps the number too") {
  Basics t;
  const TypeId state = t.b.add_enum("state", {{"IDLE", 0}, {"RUNNING", 1}, {"DEAD", -1}}, 4, true);
  const TypeId wide = t.b.add_enum64("wide", {{"HUGE_ONE", i64{1} << 40}, {"THREE", 3}});
  const TypeId s = t.b.add_struct("s", 16, {{"state", state, 0}, {"wide", wide, 64}});
  const Parsed btf(t.b);
  Sent known, unknown;
  known.put(-1).put(0).put(u64{1} << 40);
  unknown.put(7).put(0).put(u64{4});
  CHECK(btf.text(s, known.bytes()) == "{state=DEAD wide=HUGE_ONE}");
  CHECK(btf.json(s, known.bytes()) ==
        R"({"state":-1,"state_str":"DEAD","wide":1099511627776,"wide_str":"HUGE_ONE"})");
  CHECK(btf.text(s, unknown.bytes()) == "{state=7 wide=4}");
  CHECK(btf.json(s, unknown.bytes()) == R"({"state":7,"wide":4})");
  CHECK(btf.text(state, known.bytes()) == "DEAD");
}

TEST_CASE("btf value: an enum of single bits prints as a set; a plain one never does") {
  Basics t;
  const TypeId flags = t.b.add_enum("mode", {{"NONE", 0}, {"READ", 1}, {"WRITE", 2}, {"EXEC", 4}});
  const TypeId plain = t.b.add_enum("plain", {{"A", 0}, {"B", 1}, {"C", 2}});
  const Parsed btf(t.b);
  const auto text = [&](TypeId type, u32 value) {
    Sent record;
    record.put(value);
    return btf.text(type, record.bytes());
  };
  CHECK(text(flags, 0) == "NONE");
  CHECK(text(flags, 4) == "EXEC");
  CHECK(text(flags, 5) == "READ|EXEC");
  CHECK(text(flags, 0x83) == "READ|WRITE|0x80");
  CHECK(text(flags, 0x80) == "128");
  CHECK(text(plain, 3) == "3");
}

TEST_CASE("btf value: bitfields of both encodings, and of both byte orders") {
  Basics t;
  const TypeId three = t.b.add_int_bits("unsigned int", 4, 0, 0, 3);
  const TypeId signed_five = t.b.add_int_bits("int", 4, 1, 0, 5);
  const TypeId kflag =
      t.b.add_struct("new", 4, {{"a", t.u, 0, 3}, {"b", t.i, 3, 5}, {"c", t.u, 8, 24}});
  const TypeId old = t.b.add_struct("old", 4, {{"a", three, 0}, {"b", signed_five, 3}});
  const Parsed btf(t.b);
  Sent record;
  // a = 5, b = -2, c = 0x123456 on this host.
  if (kHostOrder == ByteOrder::little)
    record.put_text(std::string_view("\xf5\x56\x34\x12", 4));
  else
    record.put_text(std::string_view("\xbe\x12\x34\x56", 4));
  CHECK(btf.text(kflag, record.bytes()) == "{a=5 b=-2 c=1193046}");
  CHECK(btf.text(old, record.bytes()) == "{a=5 b=-2}");
  const std::string_view little = {"\xf5\x56\x34\x12", 4};
  const std::string_view big = {"\xbe\x12\x34\x56", 4};
  CHECK(read_bits(bytes_of(little), 0, 3, ByteOrder::little) == 5);
  CHECK(read_bits(bytes_of(little), 8, 24, ByteOrder::little) == 0x123456);
  CHECK(read_bits(bytes_of(big), 0, 3, ByteOrder::big) == 5);
  CHECK(read_bits(bytes_of(big), 3, 5, ByteOrder::big) == 0x1e);
  CHECK(read_bits(bytes_of(big), 8, 24, ByteOrder::big) == 0x123456);
  CHECK(read_bits(bytes_of(big), 9, 24, ByteOrder::big) == std::nullopt);
}

TEST_CASE("btf value: 64 bits that start within a byte are read across nine bytes") {
  const std::string_view text = {"\x80\xff\xff\xff\xff\xff\xff\xff\x7f", 9};
  CHECK(read_bits(bytes_of(text), 7, 64, ByteOrder::little) == ~u64{0});
  CHECK(read_bits(bytes_of(text), 8, 64, ByteOrder::little) == 0x7fffffffffffffff);
  CHECK(read_bits(bytes_of(text), 9, 64, ByteOrder::little) == std::nullopt);
  CHECK(read_bits(bytes_of(text), ~u64{0}, 8) == std::nullopt);
}

TEST_CASE("btf value: network-order typedefs are shown in host order") {
  Basics t;
  const TypeId be16 = t.b.add_typedef("__be16", t.b.add_typedef("__u16", t.u16_id));
  const TypeId be32 = t.b.add_const(t.b.add_typedef("__be32", t.u));
  const TypeId s =
      t.b.add_struct("s", 8, {{"port", be16, 0}, {"raw", t.u16_id, 16}, {"addr", be32, 32}});
  const Parsed btf(t.b);
  Sent record;
  record.put_text(std::string_view("\x01\xbb\0\0\x7f\x00\x00\x01", 8));
  CHECK(btf.text(s, record.bytes()) == "{port=443 raw=0 addr=2130706433}");
}

TEST_CASE("btf value: pointers are hexadecimal, functions and forward declarations are not shown") {
  Basics t;
  const TypeId p = t.b.add_ptr(t.b.add_func_proto({}));
  const TypeId fwd = t.b.add_fwd("later");
  const Parsed btf(t.b);
  Sent record;
  record.put(u64{0xffff888100000000});
  CHECK(btf.text(p, record.bytes()) == "0xffff888100000000");
  CHECK(btf.json(p, record.bytes()) == "\"0xffff888100000000\"");
  CHECK(btf.text(fwd, record.bytes()) == "?");
  CHECK(btf.json(fwd, record.bytes()) == "null");
  CHECK(btf.text({}, record.bytes()) == "?");
  CHECK(btf.text({9999}, record.bytes()) == "?");
}

TEST_CASE("btf value: floats, also those that JSON has no numbers for") {
  Basics t;
  const TypeId f = t.b.add_float("float", 4);
  const TypeId d = t.b.add_float("double", 8);
  const Parsed btf(t.b);
  Sent tenth, half, infinite;
  tenth.put(0.1f);
  half.put(-2.5);
  infinite.put(std::numeric_limits<double>::infinity());
  CHECK(btf.text(f, tenth.bytes()) == "0.1");
  CHECK(btf.json(d, half.bytes()) == "-2.5");
  CHECK(btf.json(d, infinite.bytes()) == "\"inf\"");
}

TEST_CASE("btf value: nested structs, arrays and anonymous members") {
  Basics t;
  const TypeId pair = t.b.add_struct("pair", 8, {{"a", t.i, 0}, {"b", t.i, 32}});
  const TypeId pairs = t.b.add_array(pair, t.i, 2);
  const TypeId grid = t.b.add_array(t.b.add_array(t.u16_id, t.i, 2), t.i, 2);
  const TypeId both = t.b.add_union("", 4, {{"v4", t.u, 0}, {"half", t.u16_id, 0}});
  const TypeId around = t.b.add_struct("", 4, {{"", both, 0}});
  const TypeId s =
      t.b.add_struct("s", 28, {{"pairs", pairs, 0}, {"", around, 128}, {"grid", grid, 160}});
  const TypeId top = t.b.add_struct("top", 28, {{"s", s, 0}});
  const Parsed btf(t.b);
  Sent record;
  record.put(1).put(2).put(3).put(4).put(7u);
  record.put(u16{1}).put(u16{2}).put(u16{3}).put(u16{4});
  const u16 half = kHostOrder == ByteOrder::little ? 7 : 0;
  const std::string inside =
      format("{{pairs=[{{a=1 b=2}},{{a=3 b=4}}] v4=7 half={} grid=[[1,2],[3,4]]}}", half);
  CHECK(btf.text(s, record.bytes()) == inside);
  CHECK(btf.text(top, record.bytes()) == "{s=" + inside + "}");
  CHECK(
      btf.json(top, record.bytes()) ==
      format(
          R"({{"s":{{"pairs":[{{"a":1,"b":2}},{{"a":3,"b":4}}],"v4":7,"half":{},"grid":[[1,2],[3,4]]}}}})",
          half));
}

TEST_CASE("btf value: a record shorter than its struct shows what it has") {
  Basics t;
  const TypeId inner = t.b.add_struct("inner", 8, {{"x", t.i, 0}, {"y", t.i, 32}});
  const TypeId list = t.b.add_array(t.i, t.i, 4);
  const TypeId s = t.b.add_struct(
      "s", 48, {{"pid", t.i, 0}, {"in", inner, 32}, {"comm", t.comm, 96}, {"list", list, 224}});
  const Parsed btf(t.b);
  Sent record;
  record.put(1).put(2).put(3).put_text("ab");
  const auto first = [&](std::size_t size) { return record.bytes().first(size); };
  CHECK(btf.text(s, first(14)) == "{pid=1 in={x=2 y=3} comm=\"ab\" list=-}");
  CHECK(btf.text(s, first(12)) == "{pid=1 in={x=2 y=3} comm=- list=-}");
  CHECK(btf.text(s, first(8)) == "{pid=1 in={x=2 y=-} comm=- list=-}");
  CHECK(btf.text(s, first(7)) == "{pid=1 in={x=- y=-} comm=- list=-}");
  CHECK(btf.text(s, first(3)) == "{pid=- in=- comm=- list=-}");
  CHECK(btf.json(s, first(8)) == R"({"pid":1,"in":{"x":2}})");
  CHECK(btf.json(s, first(0)) == "{}");
  CHECK(btf.json(t.i, first(0)) == "null");
  CHECK(btf.text(t.i, first(3)) == "-");
}

TEST_CASE("btf value: a flexible tail takes the rest of the record, its strings joined") {
  Basics t;
  const TypeId s = t.b.add_struct("event", 4, {{"pid", t.i, 0}, {"args", t.flexible, 32}});
  const Parsed btf(t.b);
  Sent record, nothing;
  record.put(1).put_text(std::string_view("ls\0-l\0/tmp\0\0\0", 13));
  nothing.put(1);
  CHECK(btf.text(s, record.bytes()) == "{pid=1 args=\"ls -l /tmp\"}");
  CHECK(btf.json(s, record.bytes()) == R"({"pid":1,"args":"ls -l /tmp"})");
  CHECK(btf.text(s, nothing.bytes()) == "{pid=1 args=\"\"}");
}

TEST_CASE("btf value: a tail is bounded by its sibling <name>_size or <name>_len") {
  Basics t;
  const TypeId args = t.b.add_array(t.c, t.i, 64);
  const TypeId sized =
      t.b.add_struct("sized", 72, {{"n", t.i, 0}, {"args_size", t.u, 32}, {"args", args, 64}});
  const TypeId length =
      t.b.add_struct("length", 6, {{"data_len", t.u16_id, 0}, {"data", t.flexible, 16}});
  const Parsed btf(t.b);
  Sent record;
  record.put(2).put(u32{6}).put_text(std::string_view("ls\0-l\0old bytes", 15));
  CHECK(btf.text(sized, record.bytes()) == "{n=2 args_size=6 args=\"ls -l\"}");
  Sent beyond;
  beyond.put(2).put(u32{6000}).put_text("ls");
  CHECK(btf.text(sized, beyond.bytes()) == "{n=2 args_size=6000 args=\"ls\"}");
  Sent five;
  five.put(u16{5}).put_text("helloworld");
  CHECK(btf.text(length, five.bytes()) == "{data_len=5 data=\"hello\"}");
}

TEST_CASE(
    "btf value: a char[N] at the end without a size is one string, what follows its NUL is old") {
  Basics t;
  const TypeId s = t.b.add_struct("event", 20, {{"pid", t.i, 0}, {"comm", t.comm, 32}});
  const Parsed btf(t.b);
  Sent record;
  record.put(1).put_text(std::string_view("sh\0old\0bytes", 12), 16).put_text("padding");
  CHECK(btf.text(s, record.bytes()) == "{pid=1 comm=\"sh\"}");
}

TEST_CASE("btf value: a flexible array of numbers takes what fits") {
  Basics t;
  const TypeId list = t.b.add_array(t.u, t.i, 0);
  const TypeId raw = t.b.add_array(t.byte, t.i, 0);
  const TypeId numbers = t.b.add_struct("numbers", 4, {{"n", t.u, 0}, {"ips", list, 32}});
  const TypeId packet = t.b.add_struct("packet", 4, {{"data_len", t.u, 0}, {"data", raw, 32}});
  const Parsed btf(t.b);
  Sent record;
  record.put(2u).put(10u).put(20u).put(u8{9});
  CHECK(btf.text(numbers, record.bytes()) == "{n=2 ips=[10,20]}");
  Sent bytes;
  bytes.put(2u).put(u8{0xaa}).put(u8{0xbb}).put(u8{0xcc});
  CHECK(btf.text(packet, bytes.bytes()) == "{data_len=2 data=aabb}");
  CHECK(btf.json(packet, bytes.bytes()) == R"({"data_len":2,"data":[170,187]})");
}

TEST_CASE("btf value: hidden members are no text columns; JSON drops only padding") {
  Basics t;
  const TypeId s = t.b.add_struct("s", 24,
                                  {{"pid", t.u, 0},
                                   {"__cookie", t.u, 32},
                                   {"secret", t.u, 64},
                                   {"__pad", t.u, 96},
                                   {"pad2", t.u, 128},
                                   {"padded", t.u, 160}});
  t.b.add_decl_tag("bpfld:hidden", s, 2);
  t.b.add_decl_tag("bpfld:unit=ns", s, 0);
  t.b.add_decl_tag("other:hidden", s, 0);
  const Parsed btf(t.b);
  Sent record;
  for (u32 n = 1; n <= 6; n++)
    record.put(n);
  CHECK(btf.text(s, record.bytes()) == "{pid=1ns padded=6}");
  CHECK(btf.json(s, record.bytes()) ==
        R"({"pid":1,"pid_str":"1ns","__cookie":2,"secret":3,"padded":6})");
  const std::vector<Field> fields = columns(btf.view, s);
  CHECK(names_of(fields) ==
        std::vector<std::string>{"pid", "__cookie", "secret", "__pad", "pad2", "padded"});
  CHECK(fields[0].tags == std::vector<std::string>{"unit=ns"});
  CHECK(fields[2].hidden);
  CHECK(fields[3].padding);
}

TEST_CASE("btf value: columns are worked out once and read per record") {
  Basics t;
  const TypeId inner = t.b.add_struct("", 8, {{"a", t.u, 0}, {"b", t.i, 32}});
  const TypeId s = t.b.add_struct("s", 28, {{"", inner, 0}, {"comm", t.comm, 64}, {"c", t.c, 192}});
  const TypeId alias = t.b.add_typedef("event_t", t.b.add_const(s));
  const Parsed btf(t.b);
  const std::vector<Field> fields = columns(btf.view, alias);
  CHECK(names_of(fields) == std::vector<std::string>{"a", "b", "comm", "c"});
  Sent record;
  record.put(5u).put(-6).put_text("a b", 16).put('R');
  const auto text = [&](std::size_t i) {
    std::string out;
    format_field(btf.view, fields[i], record.bytes(), out);
    return out;
  };
  CHECK(text(0) == "5");
  CHECK(text(1) == "-6");
  CHECK(text(2) == "a b");
  CHECK(text(3) == "R");
  CHECK(field_number(btf.view, fields[1], record.bytes()) == static_cast<u64>(-6));
  CHECK(field_number(btf.view, fields[2], record.bytes()) == std::nullopt);
  std::string json;
  format_record_json(btf.view, fields, record.bytes(), json);
  CHECK(json == R"({"a":5,"b":-6,"comm":"a b","c":82,"c_str":"R"})");
}

TEST_CASE("btf value: a type that is no struct has one column") {
  Basics t;
  const Parsed btf(t.b);
  const std::vector<Field> fields = columns(btf.view, t.u64_id);
  CHECK(names_of(fields) == std::vector<std::string>{"value"});
  Sent record;
  record.put(u64{3});
  CHECK(field_number(btf.view, fields[0], record.bytes()) == 3);
}

TEST_CASE("btf value: more values than anyone can read are cut, with brackets closed") {
  Basics t;
  const TypeId list = t.b.add_array(t.u, t.i, 100000);
  const TypeId s = t.b.add_struct("s", 400000, {{"list", list, 0}});
  const TypeId outer = t.b.add_struct("outer", 400000, {{"s", s, 0}});
  const Parsed btf(t.b);
  const std::vector<std::byte> zeros(400000);
  const std::string text = print_text(btf.view, outer, zeros, {.max_bytes = 100});
  CHECK(text.size() < 150);
  CHECK(text.ends_with(",...]}}"));
  const std::string json = print_json(btf.view, outer, zeros, {.max_bytes = 100});
  CHECK(json.size() < 150);
  CHECK(json.ends_with(",\"...\"]}}"));
}

TEST_CASE("btf value: nothing to show a million times takes no time") {
  Basics t;
  std::vector<test::MemberSpec> pads(4000, {"__pad", t.u, 0});
  const TypeId pad = t.b.add_union("padding_only", 4, pads);
  const TypeId list = t.b.add_array(pad, t.i, 1000000);
  const TypeId empty = t.b.add_array(t.b.add_struct("empty", 0), t.i, 0xffffffff);
  const TypeId s = t.b.add_struct("s", 4000000, {{"list", list, 0}, {"empty", empty, 0}});
  const Parsed btf(t.b);
  const std::vector<std::byte> zeros(4000000);
  CHECK(btf.text(s, zeros).size() < 2 << 20);
}

TEST_CASE("btf value: types that hold themselves end, though validate() refuses them") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  b.add_struct("self", 4, {{"x", i, 0}, {"inner", {2}, 0}, {"", {2}, 0}});
  b.add_array({3}, i, 2);
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob);
  const std::vector<std::byte> zeros(64);
  CHECK(print_text(view, {2}, zeros).size() < 1 << 20);
  CHECK(print_json(view, {2}, zeros).size() < 1 << 20);
  CHECK(print_text(view, {3}, zeros) == "?");
  CHECK(columns(view, {2}).size() <= kMaxFields);
}
