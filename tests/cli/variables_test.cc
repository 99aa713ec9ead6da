// SPDX-License-Identifier: Apache-2.0
// --set: what each type of variable takes, and what it says about what it does not take.
#include "cli/variables.h"

#include <doctest/doctest.h>

#include "tests/support/btf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::cli;
using test::BtfBuilder;
using test::TypeId;

// An object with one variable of each kind in .data.
struct Object {
  BtfBuilder builder;
  std::vector<std::byte> blob;
  loader::ObjectSpec spec;
  std::optional<btf::View> view;

  Object() {
    const TypeId i32_id = builder.add_int("int", 4);
    const TypeId u8_id = builder.add_uint("unsigned char", 1);
    const TypeId u64_id = builder.add_uint("unsigned long", 8);
    const TypeId char_id = builder.add_char();
    add("number", builder.add_typedef("pid_t", i32_id), 4);
    add("byte", builder.add_const(builder.add_volatile(u8_id)), 1);
    add("large", u64_id, 8);
    add("yes", builder.add_bool(), 1);
    add("state", builder.add_enum("state", {{"IDLE", 0}, {"BUSY", 7}}), 4);
    add("name", builder.add_array(char_id, i32_id, 8), 8);
    add("pointer", builder.add_ptr({}), 8);
    add("port", builder.add_typedef("__be16", builder.add_uint("unsigned short", 2)), 2);
    blob = builder.bytes();
    Result<btf::View> parsed = btf::View::parse(blob);
    REQUIRE(parsed);
    view.emplace(std::move(*parsed));
    loader::MapSpec map;
    map.name = ".data";
    map.value_size = size;
    spec.maps.push_back(map);
  }

  void add(std::string name, TypeId type, u32 bytes) {
    spec.variables.push_back(
        {.name = std::move(name), .offset = size, .size = bytes, .type = type.value});
    size += 8;
  }

  // "ok" or the message, with the near names after it.
  std::string set(std::string_view assignment) {
    const Status done = set_variable(spec, *view, assignment, {.self = 1234, .child = 5678});
    if (done) return "ok";
    const Error& error = done.error();
    CHECK(error.code == Code::usage);
    return error.message() + (error.detail.empty() ? "" : " | " + error.detail);
  }

  template <typename T>
  T value(std::string_view name) {
    for (const loader::VariableSpec& variable : spec.variables)
      if (variable.name == name) return load_checked<T>(spec.maps[0].contents, variable.offset);
    FAIL("no such variable");
    return {};
  }

  u32 size = 0;
};

}  // namespace

TEST_CASE("set: integers in decimal, hexadecimal and negative") {
  Object object;
  CHECK(object.set("number=42") == "ok");
  CHECK(object.value<i32>("number") == 42);
  CHECK(object.set("number=-2147483648") == "ok");
  CHECK(object.value<i32>("number") == -2147483647 - 1);
  CHECK(object.set("large=0xFFFFFFFFFFFFFFFF") == "ok");
  CHECK(object.value<u64>("large") == ~u64{0});
  CHECK(object.set("byte=255") == "ok");
  CHECK(object.value<u8>("byte") == 255);
}

TEST_CASE("set: -1 is all ones for an unsigned variable, as in C") {
  Object object;
  CHECK(object.set("large=-1") == "ok");
  CHECK(object.value<u64>("large") == ~u64{0});
  CHECK(object.set("byte=-1") == "ok");
  CHECK(object.value<u8>("byte") == 255);
  CHECK(object.set("byte=-2").find("; want 0..255") != std::string::npos);
}

TEST_CASE("set: a number that the type cannot hold names the type and its range") {
  Object object;
  CHECK(object.set("number=2147483648") ==
        "--set number=2147483648: number is \"pid_t\" (4 bytes in .data); want "
        "-2147483648..2147483647, 0x..., @self or @child");
  CHECK(object.set("byte=256") ==
        "--set byte=256: byte is \"const volatile unsigned char\" (1 byte in .data); want 0..255, "
        "0x..., @self or @child");
  for (std::string_view text : {"large=", "large=-", "large=0x", "large=1x", "large= 1", "large=+1",
                                "large=18446744073709551616"})
    CHECK(object.set(text).find("; want 0..18446744073709551615") != std::string::npos);
  CHECK(object.spec.maps[0].contents.empty());
}

TEST_CASE("set: @self and @child are process ids") {
  Object object;
  CHECK(object.set("number=@self") == "ok");
  CHECK(object.value<i32>("number") == 1234);
  CHECK(object.set("number=@child") == "ok");
  CHECK(object.value<i32>("number") == 5678);
  CHECK(object.set("byte=@self").find("want 0..255") != std::string::npos);
  CHECK(object.set("number=@sefl").find("; want ") != std::string::npos);
}

TEST_CASE("set: bool takes true, false, 1 and 0") {
  Object object;
  CHECK(object.set("yes=true") == "ok");
  CHECK(object.value<u8>("yes") == 1);
  CHECK(object.set("yes=0") == "ok");
  CHECK(object.value<u8>("yes") == 0);
  CHECK(object.set("yes=2").find("; want true or false") != std::string::npos);
}

TEST_CASE("set: an enum takes its names and numbers") {
  Object object;
  CHECK(object.set("state=BUSY") == "ok");
  CHECK(object.value<u32>("state") == 7);
  CHECK(object.set("state=3") == "ok");
  CHECK(object.value<u32>("state") == 3);
  CHECK(object.set("state=BUSI").find("; want a number or one of IDLE BUSY") != std::string::npos);
}

TEST_CASE("set: text fills a char array, with a NUL after it") {
  Object object;
  CHECK(object.set("name=a=b") == "ok");
  CHECK(object.value<u32>("name") == load_checked<u32>(bytes_of(std::string_view("a=b\0", 4)), 0));
  CHECK(object.set("name=1234567") == "ok");
  CHECK(object.set("name=x") == "ok");  // nothing of the longer text stays
  CHECK(object.value<u64>("name") == u64{'x'});
  CHECK(object.set("name=12345678").find("; want a text of at most 7 bytes") != std::string::npos);
  CHECK(object.set("name=") == "ok");
  CHECK(object.value<u64>("name") == 0);
}

TEST_CASE("set: a number in network order is written in network order") {
  Object object;
  CHECK(object.set("port=8080") == "ok");
  const u16 raw = object.value<u16>("port");
  CHECK((kHostOrder == ByteOrder::little ? swap_bytes(raw) : raw) == 8080);
}

TEST_CASE("set: pointers and structs are not for setting") {
  Object object;
  CHECK(object.set("pointer=1").find("; want a variable that is an integer") != std::string::npos);
}

TEST_CASE("set: an unknown name gets the nearest ones") {
  Object object;
  CHECK(object.set("numbre=1") ==
        "--set: there is no global variable \"numbre\" | did you mean: number");
  CHECK(object.set("=1") == "--set =1: want NAME=VALUE");
  CHECK(object.set("number") == "--set number: want NAME=VALUE");
  CHECK(object.set("\x1b[31m=1").find("\\x1b[31m") != std::string::npos);
}

TEST_CASE("set: what lies outside its section is refused") {
  Object object;
  object.spec.variables[0].offset = object.size - 2;
  const Status done = set_variable(object.spec, *object.view, "number=1", {});
  REQUIRE(!done);
  CHECK(done.error().code == Code::malformed);
}

TEST_CASE("set: zeros that only a section header promises are not made by the gigabyte") {
  Object object;
  object.spec.maps[0].value_size = 0xffffffff;
  const Status done = set_variable(object.spec, *object.view, "number=1", {});
  REQUIRE(!done);
  CHECK(done.error().code == Code::limit);
}
