// SPDX-License-Identifier: Apache-2.0
// Finding the variable, reading the text as its type, writing the bytes; see variables.h.
#include "cli/variables.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/escape.h"
#include "base/near.h"
#include "btf/layout.h"
#include "btf/value.h"
#include "cli/style.h"

namespace bpfld::cli {
namespace {

using btf::Form;
using loader::MapSpec;
using loader::VariableSpec;

constexpr u32 kLargestSection = 64u << 20;  // of zeros that are made real only for one variable

// spec: the value of an assignment and what it would be.
struct Target {
  std::string_view value;
  std::string subject;  // "--set n=abc: n is \"const volatile int\" (4 bytes in .rodata)"
};

std::unexpected<Error> want(const Target& target, std::string_view wanted) {
  return fail(Code::usage, "{}; want {}", target.subject, wanted);
}

struct Number {
  u64 bits = 0;
  bool negative = false;
};

std::optional<Number> parse_number(std::string_view text) {
  Number number;
  number.negative = text.starts_with('-');
  if (number.negative) text.remove_prefix(1);
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  const char* const end = text.data() + text.size();
  const std::from_chars_result done = std::from_chars(text.data(), end, number.bits, hex ? 16 : 10);
  if (done.ec != std::errc() || done.ptr != end) return std::nullopt;
  return number;
}

// Whether a number fits into `bits` bits, and the range for the message when it does not.
struct Range {
  u64 magnitude_below = 0;  // largest magnitude of a negative number
  u64 largest = 0;
};

Range range_of(u64 bits, bool is_signed) {
  const u64 all = bits >= 64 ? ~u64{0} : (u64{1} << bits) - 1;
  return is_signed ? Range{.magnitude_below = all / 2 + 1, .largest = all / 2}
                   : Range{.magnitude_below = 0, .largest = all};
}

Result<u64> integer_value(const Target& target, u64 bits, bool is_signed, const SetNames& names) {
  const Range range = range_of(bits, is_signed);
  std::optional<Number> number = parse_number(target.value);
  if (target.value == "@self") number = Number{.bits = static_cast<u64>(names.self)};
  if (target.value == "@child" && names.child)
    number = Number{.bits = static_cast<u64>(*names.child)};
  // All ones is how "none" is often spelled: -1 is that for unsigned types too, as in C.
  const bool all_ones = number && number->negative && number->bits == 1;
  if (!number || (!number->negative && number->bits > range.largest) ||
      (number->negative && !all_ones && number->bits > range.magnitude_below))
    return want(target,
                format("{}{}..{}, 0x..., @self or @child", range.magnitude_below != 0 ? "-" : "",
                       range.magnitude_below, range.largest));
  return number->negative ? 0 - number->bits : number->bits;
}

Result<u64> boolean_value(const Target& target) {
  if (target.value == "true" || target.value == "1") return 1;
  if (target.value == "false" || target.value == "0") return 0;
  return want(target, "true or false");
}

Result<u64> enum_value(const Target& target, const btf::View& btf, const btf::Shape& shape,
                       const SetNames& names) {
  const btf::Type type = btf.type(shape.type);
  for (const btf::Enumerator& e : btf::enumerators(btf, type))
    if (e.name == target.value) return e.value;
  const bool is_signed = btf::is_signed(type);
  Result<u64> number = integer_value(target, shape.bits, is_signed, names);
  if (number) return number;
  constexpr std::size_t kShown = 8;
  std::string wanted = "a number or one of";
  for (const btf::Enumerator& e : btf::enumerators(btf, type)) {
    if (std::ranges::count(wanted, ' ') > static_cast<long>(kShown) + 3) {
      wanted += " ...";
      break;
    }
    wanted += " " + escape_terminal(e.name);
  }
  return want(target, wanted);
}

// Text fills the array; what is left is zeros, at least one of them.
Result<std::vector<std::byte>> text_value(const Target& target, u64 size) {
  if (target.value.size() >= size)
    return want(target, format("a text of at most {} bytes", size == 0 ? 0 : size - 1));
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  std::ranges::copy(bytes_of(target.value), bytes.begin());
  return bytes;
}

// The lowest `size` bytes of a number in the host's order.
std::vector<std::byte> number_bytes(u64 value, u64 size) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < bytes.size(); i++) {
    const std::size_t at = kHostOrder == ByteOrder::little ? i : bytes.size() - 1 - i;
    bytes[at] = static_cast<std::byte>(i < sizeof(value) ? value >> (8 * i) : 0);
  }
  return bytes;
}

Result<std::vector<std::byte>> value_bytes(const Target& target, const VariableSpec& variable,
                                           const btf::View& btf, const SetNames& names) {
  const btf::Shape shape = btf::shape_of(btf, {variable.type});
  const bool number = btf::is_integer(shape.form);
  if ((number && shape.bits != u64{variable.size} * 8 && shape.form != Form::boolean) ||
      (number && variable.size > sizeof(u64)))
    return want(target, "a type that has its BTF's size");
  switch (shape.form) {
    case Form::boolean: return number_bytes(TRY(boolean_value(target)), variable.size);
    case Form::enum_:
    case Form::flags:
      return number_bytes(TRY(enum_value(target, btf, shape, names)), variable.size);
    case Form::unsigned_:
    case Form::signed_:
    case Form::character: {
      const bool is_signed = btf::is_signed(btf.type(shape.type));
      u64 value = TRY(integer_value(target, shape.bits, is_signed, names));
      if (shape.network_order && kHostOrder == ByteOrder::little)
        value = swap_bytes(value) >> (64 - shape.bits);
      return number_bytes(value, variable.size);
    }
    case Form::text: return text_value(target, variable.size);
    case Form::pointer:
    case Form::floating:
    case Form::bytes:
    case Form::wide:
    case Form::array:
    case Form::composite:
    case Form::opaque: break;
  }
  return want(target, "a variable that is an integer, a bool, an enum or a char array");
}

std::unexpected<Error> unknown(const loader::ObjectSpec& spec, std::string_view name) {
  std::unexpected<Error> failure =
      fail(Code::usage, "--set: there is no global variable \"{}\"", escape_terminal(name));
  std::vector<std::string_view> names;
  for (const VariableSpec& variable : spec.variables)
    names.push_back(variable.name);
  std::vector<std::string_view> near = nearest(name, names, 3);
  if (near.empty() && names.size() <= 8) near = names;
  failure.error().detail = did_you_mean(near);
  return failure;
}

}  // namespace

Status set_variable(loader::ObjectSpec& spec, const btf::View& btf, std::string_view assignment,
                    const SetNames& names) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return fail(Code::usage, "--set {}: want NAME=VALUE", escape_terminal(assignment));
  const std::string_view name = assignment.substr(0, equals);
  const auto variable = std::ranges::find(spec.variables, name, &VariableSpec::name);
  if (variable == spec.variables.end()) return unknown(spec, name);
  MapSpec& map = spec.maps[variable->map];
  const Target target = {
      .value = assignment.substr(equals + 1),
      .subject =
          format("--set {}: {} is \"{}\" ({} in {})", escape_terminal(assignment),
                 escape_terminal(name), escape_terminal(btf::type_name(btf, {variable->type})),
                 count_of(variable->size, "byte"), escape_terminal(map.name))};
  const std::vector<std::byte> bytes = TRY(value_bytes(target, *variable, btf, names));
  if (map.contents.empty()) {
    if (map.value_size > kLargestSection)
      return fail(Code::limit, "--set: {} has {} bytes", escape_terminal(map.name), map.value_size);
    map.contents.resize(map.value_size);
  }
  if (!fits(map.contents.size(), variable->offset, bytes.size()))
    return fail(Code::malformed, "variable \"{}\" lies outside {}", escape_terminal(name),
                escape_terminal(map.name));
  std::ranges::copy(bytes, map.contents.begin() + variable->offset);
  return {};
}

}  // namespace bpfld::cli
