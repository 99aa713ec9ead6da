// SPDX-License-Identifier: Apache-2.0
// See sanitize.h. One function per kind that can be missing, found through a switch over what is
// there; each turns a record's words into those of its stand-in.
#include "btf/sanitize.h"

#include <algorithm>
#include <string>
#include <utility>

#include "btf/types.h"

namespace bpfld::btf {
namespace {

// One record on its way out.
struct Words {
  u32 name = 0;
  Kind kind = Kind::void_;
  u32 vlen = 0;
  bool flag = false;
  u32 size_or_type = 0;
  std::vector<u32> tail;
  bool operator==(const Words&) const = default;
};

// Kinds lean on each other: a DECL_TAG cannot name a parameter of what became a TYPEDEF. Kernels
// learnt them in this order, so nothing that one has is lost.
KindSupport consistent(KindSupport support) {
  support.decl_tag = support.decl_tag && support.func && support.datasec;
  return support;
}

// The strings of the copy: the view's own, then what the stand-ins need.
class Strings {
 public:
  explicit Strings(const View& view) : view_(view), text_(text_of(view.string_bytes())) {}

  u32 add(std::string_view text) {
    if (text_.empty() && view_.base() == nullptr) text_ += '\0';
    const u32 first = view_.string_end() - static_cast<u32>(view_.string_bytes().size());
    const u32 offset = first + static_cast<u32>(text_.size());
    text_ += text;
    text_ += '\0';
    return offset;
  }
  const std::string& text() const { return text_; }

 private:
  const View& view_;
  std::string text_;
};

class Sanitizer {
 public:
  Sanitizer(const View& view, const KindSupport& support)
      : view_(view), support_(consistent(support)), strings_(view) {}

  // The record as it is.
  Words original(u32 index) const {
    const Type type = view_.type({view_.first_id() + index});
    Words words;
    words.name = view_.own_record(index).name;
    words.kind = type.kind;
    words.vlen = type.vlen;
    words.flag = type.kind_flag;
    words.size_or_type = type.size_or_type;
    for (u64 at = 0; at < type.tail.size(); at += 4)
      words.tail.push_back(load_checked<u32>(type.tail, at));
    return words;
  }

  // The record as the kernel takes it.
  Words rewritten(u32 index) {
    const Type type = view_.type({view_.first_id() + index});
    Words words = original(index);
    const bool missing = is_missing(type.kind);
    switch (type.kind) {
      case Kind::int_:
      case Kind::ptr:
      case Kind::array:
      case Kind::struct_:
      case Kind::union_:
      case Kind::fwd:
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::void_: return words;  // as old as BTF itself
      case Kind::enum_: return enumeration(words);
      case Kind::enum64: return missing ? enum64_as_int(type, words) : enumeration(words);
      case Kind::var:
      case Kind::decl_tag:
        return missing ? byte_named(words.name) : with_flag(words, support_.tag_flag);
      case Kind::unknown: return byte_named(words.name);
      case Kind::datasec:
        if (type.size() == 0) return Words{.kind = Kind::struct_, .tail = {}};
        return missing ? section_as_struct(type) : section(type, words);
      case Kind::func: return function(words, missing);
      case Kind::func_proto:
        return missing ? Words{.kind = Kind::enum_, .size_or_type = 4, .tail = {}} : words;
      case Kind::float_:
        return missing ? Words{.kind = Kind::struct_, .size_or_type = type.size(), .tail = {}}
                       : words;
      case Kind::type_tag:
        return missing ? Words{.kind = Kind::const_, .size_or_type = words.size_or_type, .tail = {}}
                       : with_flag(words, support_.tag_flag);
    }
    std::unreachable();
  }

  const std::string& strings() const { return strings_.text(); }

 private:
  bool is_missing(Kind kind) const {
    if (kind == Kind::func || kind == Kind::func_proto) return !support_.func;
    if (kind == Kind::var || kind == Kind::datasec) return !support_.datasec;
    if (kind == Kind::float_) return !support_.float_;
    if (kind == Kind::decl_tag) return !support_.decl_tag;
    if (kind == Kind::type_tag) return !support_.type_tag;
    return kind == Kind::enum64 && !support_.enum64;
  }

  static Words with_flag(Words words, bool allowed) {
    words.flag = words.flag && allowed;
    return words;
  }

  // An enum of no size, which is how clang writes `enum e;`, has no value either: any size will do.
  Words enumeration(Words words) const {
    if (words.size_or_type == 0) words.size_or_type = sizeof(u32);
    return with_flag(std::move(words), support_.enum64);
  }

  static Words byte_named(u32 name) {
    return {.name = name, .kind = Kind::int_, .size_or_type = 1, .tail = {8}};
  }

  Words enum64_as_int(const Type& type, const Words& words) {
    const u32 encoding = type.kind_flag ? kIntSigned : 0;
    const u32 name = type.name.empty() ? strings_.add("enum64") : words.name;
    return {.name = name,
            .kind = Kind::int_,
            .size_or_type = type.size(),
            .tail = {encoding << 24 | type.size() * 8}};
  }

  Words function(Words words, bool missing) const {
    if (missing) words.kind = Kind::typedef_;
    if (missing || !support_.func_global) words.vlen = 0;  // FUNC keeps its linkage there
    return words;
  }

  Words section(const Type& type, Words words) {
    if (support_.question_in_section || !type.name.contains('?')) return words;
    std::string name(type.name);
    std::ranges::replace(name, '?', '_');
    words.name = strings_.add(name);
    return words;
  }

  // Its variables are INTs of one byte by now. One that has no byte within the section is left out.
  Words section_as_struct(const Type& type) {
    Words out = {.kind = Kind::struct_, .size_or_type = type.size(), .tail = {}};
    std::string name(type.name);
    for (char& c : name) {
      const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (!ok) c = '_';
    }
    if (!name.empty() && name[0] >= '0' && name[0] <= '9') name[0] = '_';
    out.name = strings_.add(name);
    for (const Variable& variable : variables(view_, type)) {
      const bool is_byte = variable.type.value >= view_.first_id() &&
                           view_.kind(variable.type) == Kind::var;  // a base's VAR stays a VAR
      if (!is_byte || variable.offset >= type.size() || variable.offset > ~u32{0} / 8) continue;
      out.tail.push_back(view_.own_record(variable.type.value - view_.first_id()).name);
      out.tail.push_back(variable.type.value);
      out.tail.push_back(variable.offset * 8);
      out.vlen++;
    }
    return out;
  }

  const View& view_;
  KindSupport support_;
  Strings strings_;
};

void put(std::vector<std::byte>& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

bool needs_sanitizing(const View& view, const KindSupport& support) {
  if (support == KindSupport{}) {  // most loads: nothing but what no kernel takes
    return !view.each_type([](const Type& type) -> Status {
      const bool sized = is_enum(type.kind) || type.kind == Kind::datasec;
      if (type.kind != Kind::unknown && (!sized || type.size() != 0)) return {};
      return fail(Code::unsupported, "");
    });
  }
  Sanitizer sanitizer(view, support);
  for (u32 i = 0; i < view.own_count(); i++)
    if (sanitizer.rewritten(i) != sanitizer.original(i)) return true;
  return false;
}

std::vector<std::byte> sanitize(const View& view, const KindSupport& support) {
  Sanitizer sanitizer(view, support);
  std::vector<std::byte> types;
  types.reserve(view.type_bytes().size());
  for (u32 i = 0; i < view.own_count(); i++) {
    const Words words = sanitizer.rewritten(i);
    const u32 info = make_info(static_cast<u32>(words.kind), words.vlen, words.flag);
    const TypeRecord record = {
        .name = words.name, .info = info, .size_or_type = words.size_or_type};
    put(types, bytes_of(record));
    put(types, std::as_bytes(std::span(words.tail)));
  }
  const u32 type_size = static_cast<u32>(types.size());
  const Header header = {.magic = kMagic,
                         .version = kVersion,
                         .flags = 0,
                         .header_size = sizeof(Header),
                         .type_offset = 0,
                         .type_size = type_size,
                         .string_offset = type_size,
                         .string_size = static_cast<u32>(sanitizer.strings().size())};
  std::vector<std::byte> out;
  put(out, bytes_of(header));
  put(out, types);
  put(out, bytes_of(std::string_view(sanitizer.strings())));
  return out;
}

Result<std::vector<std::byte>> sanitize(Bytes blob, const KindSupport& support) {
  const View view = TRY(View::parse(blob));
  return sanitize(view, support);
}

}  // namespace bpfld::btf
