// SPDX-License-Identifier: Apache-2.0
// See show.h. Anonymous structs stand where they are, in braces, with offsets from the outermost
// struct; they are kept on a stack, as their depth is input.
#include "btf/show.h"

#include <vector>

#include "base/escape.h"
#include "btf/c_layout.h"
#include "btf/c_walk.h"

namespace bpfld::btf {
namespace {

constexpr std::size_t kMaxText = 1u << 20;  // of one type
constexpr std::size_t kMaxOpen = 64;

// A struct whose closing brace is still to come.
struct Open {
  Type type;
  u64 bit_offset = 0;
  std::string end;  // what follows its brace: " name[2];"
  u32 next = 0;
};

std::string_view keyword(Kind kind) {
  return kind == Kind::union_ ? "union" : "struct";
}

std::string escaped(const View& view, TypeId id, std::string_view name) {
  return escape_terminal(declaration(view, id, name));
}

// The anonymous struct that the member's type is, if it is one, and what C writes behind its brace:
// `name`, `name[4]`. Pointers to such are left as they are.
bool opens_body(const View& view, const Member& member, Type& inner, std::string& end) {
  if (is_unnamed_composite(view, member, inner)) {
    end = ";";
    return true;
  }
  end = " " + escape_terminal(member.name);
  TypeId id = member.type;
  for (u32 steps = 0; steps <= kMaxChain; steps++) {
    inner = view.type(skip_modifiers(view, id));
    if (inner.kind != Kind::array) break;
    end += format("[{}]", array(inner).count);
    id = array(inner).element;
  }
  end += ";";
  return is_composite(inner.kind) && inner.name.empty();
}

void line(std::string& out, std::string_view offset, std::size_t depth, std::string_view text) {
  out += format("{:>8}  ", offset);
  out.append(depth * 4, ' ');
  out += text;
  out += '\n';
}

void show_members(const View& view, const Type& composite, std::string& out) {
  std::vector<Open> stack;
  stack.push_back({.type = composite, .end = {}});
  while (!stack.empty() && out.size() < kMaxText) {
    Open& open = stack.back();
    const Entries<Member> list = members(view, open.type);
    const std::size_t depth = stack.size() - 1;
    if (open.next == list.size()) {
      if (depth != 0) line(out, "", depth - 1, "}" + open.end);
      stack.pop_back();
      continue;
    }
    const Member member = list[open.next++];
    u64 bit = 0;
    const u32 width = bitfield_width(view, member, bit);
    bit += open.bit_offset;
    Type inner;
    std::string end;
    if (stack.size() < kMaxOpen && opens_body(view, member, inner, end)) {
      line(out, offset_text(bit, 0), depth,
           format("{} {}{{", keyword(inner.kind),
                  inner.name.empty() ? "" : escape_terminal(inner.name) + " "));
      stack.push_back({.type = inner, .bit_offset = bit, .end = end});
      continue;
    }
    const std::string text = escaped(view, member.type, member.name);
    line(out, offset_text(bit, width), depth,
         width != 0 ? format("{}:{};", text, width) : text + ";");
  }
  if (out.size() >= kMaxText) out += "...\n";
}

std::string function_title(const View& view, const Type& func) {
  const Type proto = view.type(func.type());
  const Entries<Param> list = params(view, proto);
  std::string out = func_linkage(func) == Linkage::static_ ? "static " : "";
  std::string name = std::string(func.name) + "(";
  for (u32 i = 0; i < list.size(); i++) {
    const bool variadic = i + 1 == list.size() && list[i].type == TypeId{} && list[i].name.empty();
    name += i != 0 ? ", " : "";
    name += variadic ? "..." : declaration(view, list[i].type, list[i].name);
    if (name.size() > kMaxText) break;
  }
  name += list.empty() ? "void)" : ")";
  const std::string result = declaration(view, proto.type(), "");
  out += result;
  if (!result.ends_with('*')) out += ' ';
  return out + name;
}

}  // namespace

std::string offset_text(u64 bit_offset, u32 width) {
  if (width == 0 && bit_offset % 8 == 0) return format("{}", bit_offset / 8);
  return format("{}:{}", bit_offset / 8, bit_offset % 8);
}

std::string title_of(const View& view, TypeId id) {
  const Type type = view.type(id);
  if (type.kind == Kind::typedef_)
    return escape_terminal("typedef " + declaration(view, type.type(), type.name));
  if (type.kind == Kind::func) return escape_terminal(function_title(view, type));
  if (type.kind == Kind::decl_tag || type.kind == Kind::unknown)
    return format("{} {}", kind_name(type.kind), escape_terminal(type.name));
  return escaped(view, id, "");
}

std::string show_type(const View& view, TypeId id) {
  const Type type = view.type(id);
  std::string out = title_of(view, id);
  if (third_word(type.kind) == Third::size) out += format("  {} B", type.size());
  if (is_composite(type.kind))
    out += format(", {} {}", type.vlen, type.vlen == 1 ? "member" : "members");
  out += format("  [{}]\n", id.value);
  if (is_composite(type.kind)) show_members(view, type, out);
  for (const Enumerator& entry : enumerators(view, type)) {
    const bool negative = type.kind_flag && entry.value >> 63 != 0;
    const std::string name = escape_terminal(entry.name);
    out += negative ? format("  {} = {}\n", name, static_cast<i64>(entry.value))
                    : format("  {} = {}\n", name, entry.value);
    if (out.size() > kMaxText) break;
  }
  return out;
}

}  // namespace bpfld::btf
