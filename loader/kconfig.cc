// SPDX-License-Identifier: Apache-2.0
// See kconfig.h. The format is Kconfig's: Documentation/kbuild/kconfig-language.rst.
#include "loader/kconfig.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/escape.h"

namespace bpfld::loader {
namespace {

// enum libbpf_tristate, which the programs' headers define.
constexpr u64 kNo = 0, kYes = 1, kModule = 2;

std::string_view type_text(KconfigType type) {
  switch (type) {
    case KconfigType::none: return "no value";
    case KconfigType::boolean: return "a bool";
    case KconfigType::character: return "a char";
    case KconfigType::tristate: return "enum libbpf_tristate";
    case KconfigType::integer: return "an integer";
    case KconfigType::text: return "a char array";
  }
  return "?";
}

std::unexpected<Error> wrong_type(const ExternSpec& variable, std::string_view text) {
  return fail(Code::unsupported, "its value is {}, and it is declared as {}", escape_terminal(text),
              type_text(variable.kconfig));
}

void put(std::span<std::byte> out, u64 value) {
  if constexpr (kHostOrder == ByteOrder::little) {
    std::memcpy(out.data(), &value, std::min(out.size(), sizeof(value)));
  } else {
    const std::size_t size = std::min(out.size(), sizeof(value));
    std::memcpy(out.data(), reinterpret_cast<const char*>(&value) + sizeof(value) - size, size);
  }
}

// "250", "-1", "0x1000", "0644": the whole text, or nothing.
Result<u64> parse_number(std::string_view text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    base = 16;
  } else if (digits.size() > 1 && digits.starts_with('0')) {
    base = 8;
  }
  u64 value = 0;
  const std::from_chars_result done =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (done.ec == std::errc::result_out_of_range)
    return fail(Code::limit, "its value, {}, has more than 64 bits", escape_terminal(text));
  if (done.ec != std::errc() || done.ptr != digits.data() + digits.size())
    return fail(Code::malformed, "its value, {}, is no number", escape_terminal(text));
  return negative ? 0 - value : value;
}

bool number_fits(const ExternSpec& variable, u64 value) {
  if (variable.size >= sizeof(u64)) return true;
  const u32 bits = variable.size * 8;
  if (!variable.is_signed) return value >> bits == 0;
  const i64 limit = i64{1} << (bits - 1);
  const i64 number = static_cast<i64>(value);
  return number >= -limit && number < limit;
}

Status store_letter(const ExternSpec& variable, char letter, std::span<std::byte> out) {
  const std::string_view text(&letter, 1);
  switch (variable.kconfig) {
    case KconfigType::boolean:
      if (letter == 'm') return wrong_type(variable, text);
      put(out, letter == 'y' ? 1 : 0);
      return {};
    case KconfigType::tristate:
      put(out, letter == 'y' ? kYes : letter == 'm' ? kModule : kNo);
      return {};
    case KconfigType::character: put(out, static_cast<u8>(letter)); return {};
    case KconfigType::none:
    case KconfigType::integer:
    case KconfigType::text: return wrong_type(variable, text);
  }
  std::unreachable();
}

Status store_text(const ExternSpec& variable, std::string_view text, std::span<std::byte> out) {
  if (variable.kconfig != KconfigType::text || out.empty()) return wrong_type(variable, text);
  if (text.size() < 2 || !text.ends_with('"'))
    return fail(Code::malformed, "its value, {}, is a string without an end",
                escape_terminal(text));
  const std::string_view inside = text.substr(1, text.size() - 2);
  const std::size_t size = std::min(inside.size(), out.size() - 1);
  std::memcpy(out.data(), inside.data(), size);
  out[size] = std::byte{0};
  return {};
}

}  // namespace

std::map<std::string, std::string> find_options(std::string_view config,
                                                std::span<const std::string> names) {
  std::map<std::string, std::string> found;
  std::vector<std::string_view> wanted(names.begin(), names.end());
  std::ranges::sort(wanted);
  while (!config.empty()) {
    const std::size_t end = config.find('\n');
    const std::string_view line = config.substr(0, end);
    config.remove_prefix(end == std::string_view::npos ? config.size() : end + 1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || !line.starts_with("CONFIG_")) continue;
    const std::string_view name = line.substr(0, equals);
    if (std::ranges::binary_search(wanted, name))
      found.emplace(std::string(name), std::string(line.substr(equals + 1)));
  }
  return found;
}

Status store_number(const ExternSpec& variable, u64 value, std::span<std::byte> out) {
  const std::string text = format("{}", value);
  switch (variable.kconfig) {
    case KconfigType::boolean:
      if (value > 1) return wrong_type(variable, text);
      break;
    case KconfigType::integer:
    case KconfigType::character:
      if (!number_fits(variable, value))
        return fail(Code::limit, "its value, {}, does not fit into {} bytes",
                    static_cast<i64>(value), variable.size);
      break;
    case KconfigType::none:
    case KconfigType::tristate:
    case KconfigType::text: return wrong_type(variable, text);
  }
  put(out, value);
  return {};
}

Status store_option(const ExternSpec& variable, std::string_view text, std::span<std::byte> out) {
  if (text == "y" || text == "n" || text == "m") return store_letter(variable, text[0], out);
  if (text.starts_with('"')) return store_text(variable, text, out);
  if (variable.kconfig != KconfigType::integer) return wrong_type(variable, text);
  const u64 value = TRY(parse_number(text));
  return store_number(variable, value, out);
}

}  // namespace bpfld::loader
