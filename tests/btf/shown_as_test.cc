// SPDX-License-Identifier: Apache-2.0
// Values as addresses, ports and times.
#include "btf/shown_as.h"

#include <doctest/doctest.h>
#include <initializer_list>
#include <type_traits>

namespace {

using namespace bpfld;
using namespace bpfld::btf;

std::string shown(Show show, std::initializer_list<u8> bytes, Form form = Form::bytes) {
  Field field;
  field.shape.form = form;
  field.shape.bits = bytes.size() * 8;
  field.show = show;
  REQUIRE(can_show(field.shape, show));
  std::string out;
  CHECK(append_shown(out, field,
                     Bytes(reinterpret_cast<const std::byte*>(bytes.begin()), bytes.size())));
  CHECK(out.size() <= show_width(field.shape, show));
  return out;
}

template <typename T>
std::string shown(Show show, T value) {
  Field field;
  field.shape.form = std::is_signed_v<T> ? Form::signed_ : Form::unsigned_;
  field.shape.bits = sizeof(T) * 8;
  field.show = show;
  REQUIRE(can_show(field.shape, show));
  std::string out;
  CHECK(append_shown(out, field, bytes_of(value)));
  return out;
}

}  // namespace

TEST_CASE("shown as: IPv4 addresses are four bytes in the order of the network") {
  CHECK(shown(Show::ip, {127, 0, 0, 1}, Form::unsigned_) == "127.0.0.1");
  CHECK(shown(Show::ip, {255, 255, 255, 255}) == "255.255.255.255");
}

TEST_CASE("shown as: IPv6 addresses are as short as RFC 5952 makes them") {
  CHECK(shown(Show::ip, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}) == "2001:db8::1");
  CHECK(shown(Show::ip, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) == "::");
  CHECK(shown(Show::ip, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}) == "::1");
  CHECK(shown(Show::ip, {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) == "fe80::");
  // The longer run of zeroes goes; a single group of zeroes stays.
  CHECK(shown(Show::ip, {0x20, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}) == "2001:0:0:1::1");
  CHECK(shown(Show::ip, {0x20, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}) ==
        "2001:0:1:1:1:1:1:1");
  CHECK(shown(Show::ip, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}) ==
        "::ffff:10.0.0.1");
}

TEST_CASE("shown as: hardware addresses, ports and hexadecimal numbers") {
  CHECK(shown(Show::mac, {2, 0, 0, 0xaa, 0xbb, 0xcc}) == "02:00:00:aa:bb:cc");
  CHECK(shown(Show::port, {0x1f, 0x90}, Form::unsigned_) == "8080");
  CHECK(shown(Show::hex, u32{0xdeadbeef}) == "0xdeadbeef");
  CHECK(shown(Show::hex, i32{-1}) == "0xffffffff");
  CHECK(shown(Show::hex, u64{0}) == "0x0");
}

TEST_CASE("shown as: times are in the largest unit of which there is one") {
  CHECK(shown(Show::nanoseconds, u64{0}) == "0ns");
  CHECK(shown(Show::nanoseconds, u64{999}) == "999ns");
  CHECK(shown(Show::nanoseconds, u64{1500}) == "1.5us");
  CHECK(shown(Show::nanoseconds, u64{812'437}) == "812.4us");
  CHECK(shown(Show::nanoseconds, u64{2'310'000}) == "2.31ms");
  CHECK(shown(Show::nanoseconds, u64{5'000'000'000}) == "5s");
  CHECK(shown(Show::nanoseconds, ~u64{0}) == "18446744073.7s");
  CHECK(shown(Show::nanoseconds, i64{-1500}) == "-1.5us");
  CHECK(shown(Show::microseconds, u32{91'790}) == "91.79ms");
  CHECK(shown(Show::milliseconds, u32{7}) == "7ms");
  CHECK(shown(Show::seconds, u32{86'400}) == "86400s");
}

TEST_CASE("shown as: a value that has another size cannot be an address, nor text a number") {
  Shape shape;
  shape.form = Form::unsigned_;
  shape.bits = 64;
  CHECK_FALSE(can_show(shape, Show::ip));
  CHECK_FALSE(can_show(shape, Show::mac));
  CHECK_FALSE(can_show(shape, Show::port));
  shape.form = Form::text;
  CHECK_FALSE(can_show(shape, Show::nanoseconds));
  shape.bits = 32;
  shape.bit_skip = 3;
  CHECK_FALSE(can_show(shape, Show::ip));
}

TEST_CASE("shown as: a record that ends before the value has none") {
  Field field;
  field.shape = {.form = Form::bytes, .type = {}, .bits = 128};
  field.bit_offset = 64;
  field.show = Show::ip;
  std::string out;
  CHECK_FALSE(append_shown(out, field, bytes_of(u64{1})));
  CHECK_FALSE(append_shown(out, field, {}));
  field.bit_offset = ~u64{7};
  CHECK_FALSE(append_shown(out, field, bytes_of(u64{1})));
  CHECK(out.empty());
}

TEST_CASE("shown as: tags and names are of the same table") {
  CHECK(show_of_tag("fmt=ip") == Show::ip);
  CHECK(show_of_tag("unit=ns") == Show::nanoseconds);
  CHECK_FALSE(show_of_tag("unit=ip"));
  CHECK_FALSE(show_of_tag("fmt"));
  CHECK_FALSE(show_of_tag("fmt="));
  CHECK(show_named("s") == Show::seconds);
  CHECK_FALSE(show_named(""));
  CHECK(show_names() == "ip, mac, port, hex, ns, us, ms, s");
}
