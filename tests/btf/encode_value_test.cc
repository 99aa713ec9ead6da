// SPDX-License-Identifier: Apache-2.0
// Text as bytes, by type. What print_value.h wrote, in either notation, must come back as the same
// bytes; what does not fit is refused with a sentence that says what would.
#include "btf/encode_value.h"

#include <doctest/doctest.h>

#include "btf/print_value.h"
#include "tests/support/btf_builder.h"

using namespace bpfld;
using namespace bpfld::btf;
using test::BtfBuilder;
using test::message;

namespace {

// The types that the cases share.
struct Types {
  BtfBuilder b;
  TypeId i32_id = b.add_int("int", 4);
  TypeId u32_id = b.add_uint("unsigned int", 4);
  TypeId u64_id = b.add_uint("unsigned long long", 8);
  TypeId u8_id = b.add_uint("unsigned char", 1);
  TypeId u16_id = b.add_uint("unsigned short", 2);
  TypeId char_id = b.add_char();
  TypeId bool_id = b.add_bool();
  TypeId double_id = b.add_float("double", 8);
  TypeId be32 = b.add_typedef("__be32", u32_id);
  TypeId be16 = b.add_typedef("__be16", u16_id);
  TypeId comm = b.add_array(char_id, i32_id, 8);
  TypeId mac = b.add_array(u8_id, i32_id, 6);
  TypeId three = b.add_array(u32_id, i32_id, 3);
  TypeId state = b.add_enum("state", {{"IDLE", 0}, {"RUNNING", 1}, {"DEAD", 7}});
  TypeId mask = b.add_enum("mask", {{"READ", 1}, {"WRITE", 2}, {"EXEC", 4}});
  TypeId ptr = b.add_ptr(i32_id);
  TypeId inside = b.add_union("", 4, {{"port", be16, 0}, {"word", u32_id, 0}});
  TypeId bits = b.add_struct("bits", 4, {{"low", u32_id, 0, 3}, {"high", i32_id, 3, 29}});
  TypeId event = b.add_struct("event", 56,
                              {{"pid", i32_id, 0},
                               {"state", state, 32},
                               {"count", u64_id, 64},
                               {"comm", comm, 128},
                               {"list", three, 192},
                               {"", inside, 288},
                               {"bits", bits, 320},
                               {"mask", mask, 352},
                               {"flag", bool_id, 384}});
  std::vector<std::byte> blob = b.bytes();
  View view = *View::parse(blob);

  Result<std::vector<std::byte>> encode(TypeId type, std::string_view text) const {
    return encode_value(view, type, text);
  }
  u64 number(TypeId type, std::string_view text) const {
    const Result<std::vector<std::byte>> bytes = encode(type, text);
    REQUIRE_MESSAGE(bytes, message(bytes));
    u64 out = 0;
    std::memcpy(&out, bytes->data(), std::min<std::size_t>(bytes->size(), 8));
    return out;
  }
  std::string text(TypeId type, std::string_view from) const {
    const Result<std::vector<std::byte>> bytes = encode(type, from);
    return bytes ? print_text(view, type, *bytes) : message(bytes);
  }
  std::string wrong(TypeId type, std::string_view text) const {
    const Result<std::vector<std::byte>> bytes = encode(type, text);
    CHECK((bytes || bytes.error().code == Code::usage));
    return message(bytes);
  }
};

}  // namespace

TEST_CASE("btf encode: numbers in every notation reach the bytes of their type") {
  const Types t;
  CHECK(t.number(t.u32_id, "42") == 42);
  CHECK(t.number(t.u32_id, " 0x2a ") == 42);
  CHECK(t.number(t.u32_id, "\"42\"") == 42);
  CHECK(t.number(t.i32_id, "-7") == 0xfffffff9);
  CHECK(t.number(t.u32_id, "-1") == 0xffffffff);  // "none", as in C
  CHECK(t.number(t.u64_id, "18446744073709551615") == ~u64{0});
  CHECK(t.number(t.u8_id, "'a'") == 'a');
  CHECK(t.number(t.bool_id, "true") == 1);
  CHECK(t.number(t.ptr, "0xffff888000000000") == 0xffff888000000000);
  CHECK(t.number(t.double_id, "1.5") == 0x3ff8000000000000);
}

TEST_CASE("btf encode: a number that does not fit is refused with the range that would") {
  const Types t;
  CHECK(t.wrong(t.u8_id, "256") == "\"256\" is no value of \"unsigned char\"; want 0..255");
  CHECK(t.wrong(t.u8_id, "-2") == "\"-2\" is no value of \"unsigned char\"; want 0..255");
  CHECK(t.wrong(t.i32_id, "2147483648") ==
        "\"2147483648\" is no value of \"int\"; want -2147483648..2147483647");
  CHECK(t.number(t.i32_id, "-2147483648") == 0x80000000);
  CHECK(t.wrong(t.i32_id, "abc").starts_with("\"abc\" is no value of \"int\""));
  CHECK(t.wrong(t.u64_id, "18446744073709551616").starts_with("\"18446744073709551616\" is no"));
  CHECK(t.wrong(t.i32_id, "") == "the text ends where a value was expected");
  CHECK(t.wrong(t.i32_id, "1 2") == "at \"2\" (character 3): the end of the value was expected");
  CHECK(t.wrong(t.bool_id, "2") == "\"2\" is no value of \"_Bool\"; want true or false");
}

TEST_CASE("btf encode: names of enumerators, and several of them for flags") {
  const Types t;
  CHECK(t.number(t.state, "DEAD") == 7);
  CHECK(t.number(t.state, "3") == 3);
  CHECK(t.number(t.mask, "READ|EXEC") == 5);
  CHECK(t.wrong(t.state, "DAED") ==
        "\"DAED\" is no value of \"enum state\"; want a number or one of IDLE RUNNING DEAD");
  CHECK(t.wrong(t.mask, "READ|").starts_with("\"READ|\" is no value of"));
}

TEST_CASE("btf encode: network order is written as such, and an address by its four numbers") {
  const Types t;
  const std::vector<std::byte> address = {std::byte{192}, std::byte{168}, std::byte{1},
                                          std::byte{2}};
  CHECK(*t.encode(t.be32, "192.168.1.2") == address);
  CHECK(*t.encode(t.be16, "80") == std::vector<std::byte>{std::byte{0}, std::byte{80}});
  CHECK(t.wrong(t.be32, "192.168.1").starts_with("\"192.168.1\" is no value of"));
  CHECK(t.wrong(t.be32, "192.168.1.2.3").starts_with("\"192.168.1.2.3\" is no value of"));
  CHECK(t.wrong(t.be32, "192.168.1.256").starts_with("\"192.168.1.256\" is no value of"));
  CHECK(t.wrong(t.u32_id, "192.168.1.2").starts_with("\"192.168.1.2\" is no value of"));
}

TEST_CASE("btf encode: text fills a char array and leaves zeros") {
  const Types t;
  CHECK(t.text(t.comm, "two words") ==
        "\"two words\" is no value of \"char[8]\"; want at most 8 bytes");
  CHECK(t.text(t.comm, "a b") == "a b");
  CHECK(t.text(t.comm, "\"a\\x62\\n\"") == t.text(t.comm, "\"ab\\u000a\""));
  CHECK(t.encode(t.comm, "12345678")->size() == 8);  // a key may use every byte
  CHECK(t.text(t.comm, "['a', 98]") == "ab");
  CHECK(t.wrong(t.comm, "\"open") == "the text that starts at character 1 has no closing \"");
  CHECK(t.wrong(t.comm, "\"\\q\"").find("was expected") != std::string::npos);
}

TEST_CASE("btf encode: arrays and structs leave zeros where nothing is said") {
  const Types t;
  CHECK(t.text(t.three, "[1, 2]") == "[1,2,0]");
  CHECK(t.text(t.three, "[1 2 3,]") == "[1,2,3]");
  CHECK(t.text(t.three, "[]") == "[0,0,0]");
  CHECK(t.wrong(t.three, "[1,2,3,4]") == "\"unsigned int[3]\" has no more than 3 elements");
  CHECK(t.wrong(t.three, "[1,2") == "the text ends where a value was expected");
  CHECK(t.wrong(t.three, "{}") == "\"unsigned int[3]\" is not written with {...}");
  CHECK(t.wrong(t.three, "7").starts_with("\"7\" is no value of \"unsigned int[3]\""));
  const std::string text =
      t.text(t.event, "{pid: 42, \"comm\": \"sh\", list=[5] port: 80 bits: {high: -4}}");
  CHECK(text.find("pid=42") != std::string::npos);
  CHECK(text.find("comm=\"sh\"") != std::string::npos);
  CHECK(text.find("list=[5,0,0]") != std::string::npos);
  CHECK(text.find("port=80") != std::string::npos);
  CHECK(text.find("high=-4") != std::string::npos);
  CHECK(t.wrong(t.event, "{pdi: 1}")
            .starts_with("\"struct event\" has no member \"pdi\"; it has: pid state"));
  CHECK(t.wrong(t.event, "{pid 1}") == "at \"1}\" (character 6): ':' after a name was expected");
  CHECK(t.wrong(t.bits, "{low: 8}") == "\"8\" is no value of \"unsigned int\"; want 0..7");
}

TEST_CASE("btf encode: what was printed comes back, from both notations") {
  const Types t;
  std::vector<std::byte> bytes(56);
  for (std::size_t i = 0; i < bytes.size(); i++)
    bytes[i] = static_cast<std::byte>(i * 7 + 1);
  for (std::size_t i = 16; i < 24; i++)
    bytes[i] = std::byte{'a'};
  bytes[23] = {};
  bytes[48] = std::byte{1};
  std::fill(bytes.begin() + 49, bytes.end(), std::byte{0});
  const std::string text = print_text(t.view, t.event, bytes);
  const Result<std::vector<std::byte>> from_text = t.encode(t.event, text);
  CHECK_MESSAGE(from_text == bytes, text, "\n", message(from_text));
  const std::string json = print_json(t.view, t.event, bytes);
  const Result<std::vector<std::byte>> from_json = t.encode(t.event, json);
  CHECK_MESSAGE(from_json == bytes, json, "\n", message(from_json));
  const std::vector<std::byte> mac = {std::byte{1},    std::byte{2}, std::byte{3},
                                      std::byte{0xab}, {},           std::byte{9}};
  CHECK(*t.encode(t.mac, print_text(t.view, t.mac, mac)) == mac);
  CHECK(*t.encode(t.mac, print_json(t.view, t.mac, mac)) == mac);
}

TEST_CASE("btf encode: hex gives all bytes of any type, and no others") {
  const Types t;
  CHECK(t.encode(t.three, "hex:010000000200000003000000") == t.encode(t.three, "[1,2,3]"));
  CHECK(t.text(t.event, "{pid: hex:2a000000}").find("pid=42") != std::string::npos);
  CHECK(t.wrong(t.three, "hex:0100") ==
        "hex: wants 12 pairs of hexadecimal digits, all bytes of \"unsigned int[3]\"");
  CHECK(t.wrong(t.u32_id, "hex:0g000000").starts_with("hex: wants 4 pairs"));
  CHECK(t.wrong(t.event, "{pid: hex:2a}").find("want 4 bytes") != std::string::npos);
}

TEST_CASE("btf encode: brackets nest as deep as a type, and no deeper") {
  Types t;
  CHECK(t.wrong(t.event, std::string(100'000, '{')).find("was expected") != std::string::npos);
  BtfBuilder b;
  TypeId deep = b.add_int("int", 4);
  for (int i = 0; i < 80; i++)
    deep = b.add_struct(format("s{}", i), 4, {{"m", deep, 0}});
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob);
  std::string text;
  for (int i = 0; i < 80; i++)
    text += "{m:";
  CHECK(message(encode_value(view, deep, text)) == "more than 64 brackets are open");
}

TEST_CASE("btf encode: a type without a size, or too large a one, is an error") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId fwd = b.add_fwd("later");
  const TypeId huge = b.add_array(i, i, 1u << 30);
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob);
  CHECK_FALSE(encode_value(view, {0}, "1"));
  CHECK_FALSE(encode_value(view, fwd, "1"));
  const Result<std::vector<std::byte>> none = encode_value(view, huge, "[]");
  REQUIRE_FALSE(none);
  CHECK(none.error().code == Code::limit);
}

TEST_CASE("btf encode: without a type there are numbers, text and hex") {
  CHECK(*encode_bytes(4, "-1") == std::vector<std::byte>(4, std::byte{0xff}));
  CHECK(encode_bytes(2, "0x0102") == encode_bytes(2, "258"));
  CHECK(*encode_bytes(3, "\"ab\"") == std::vector<std::byte>{std::byte{'a'}, std::byte{'b'}, {}});
  CHECK(*encode_bytes(3, "hex:010203") ==
        std::vector<std::byte>{std::byte{1}, std::byte{2}, std::byte{3}});
  CHECK(message(encode_bytes(3, "7")) ==
        "\"7\": the type is not known; want hex: and the digits of 3 bytes");
  CHECK(message(encode_bytes(1, "256")) ==
        "\"256\": the type is not known; want hex: and the digits of 1 bytes, or a number");
}

TEST_CASE("btf encode: no text makes it read or write outside") {
  const Types t;
  constexpr std::string_view kSeeds[] = {"{pid: 42, comm: \"bash\", list: [1, 2, 3], port: 80}",
                                         "hex:0011", "[[{\"\\x", "{\"a\":{\"b\":[1,{}]}}"};
  for (std::string_view seed : kSeeds)
    for (std::size_t i = 0; i < seed.size(); i++)
      for (const char c : {'{', '}', '[', ']', '"', '\\', ',', ':', '\0', '9'}) {
        std::string text(seed);
        text[i] = c;
        for (const TypeId type : {t.event, t.three, t.comm, t.bits, t.u8_id}) {
          const Result<std::vector<std::byte>> bytes = t.encode(type, text);
          if (bytes) CHECK(bytes->size() == *size_of(t.view, type));
          (void)t.encode(type, std::string_view(text).substr(0, i));
        }
      }
}
