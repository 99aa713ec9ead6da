// SPDX-License-Identifier: Apache-2.0
// C writes a type around its name: `int (*name[4])(void)`. Walking from the outermost type inwards,
// each step wraps what is already written (the declarator): a pointer puts `*` in front, an array
// or function goes behind, with brackets when the declarator starts with `*`. Parameters are
// spelled by the same walk, three levels deep, all within one budget of bytes. Declarations of
// layout.h.
#include <algorithm>
#include <utility>

#include "btf/layout.h"

namespace bpfld::btf {
namespace {

constexpr u32 kMaxNesting = 3;  // of functions in the parameters of functions

std::string_view keyword(const Type& type) {
  switch (type.kind) {
    case Kind::struct_: return "struct ";
    case Kind::union_: return "union ";
    case Kind::enum_:
    case Kind::enum64: return "enum ";
    case Kind::fwd: return fwd_is_union(type) ? "union " : "struct ";
    case Kind::datasec: return "section ";
    case Kind::void_:
    case Kind::int_:
    case Kind::ptr:
    case Kind::array:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::func:
    case Kind::func_proto:
    case Kind::var:
    case Kind::float_:
    case Kind::decl_tag:
    case Kind::type_tag:
    case Kind::unknown: return "";
  }
  std::unreachable();
}

// The name of a type that ends the walk.
std::string base_name(const Type& type) {
  if (type.kind == Kind::void_) return "void";
  if (type.kind == Kind::unknown) return format("(BTF kind {})", type.kind_number);
  if (type.name.empty()) return std::string(keyword(type)) + "{...}";
  return std::string(keyword(type)) + std::string(type.name.substr(0, kMaxNameBytes));
}

std::string_view qualifier(Kind kind) {
  return kind == Kind::const_      ? "const "
         : kind == Kind::volatile_ ? "volatile "
         : kind == Kind::restrict_ ? "restrict "
                                   : "";
}

// The declarator so far, and the qualifiers met since.
struct Declarator {
  std::string text;
  std::string qualifiers;

  void add_pointer() {
    if (!qualifiers.empty() && text.empty()) qualifiers.pop_back();  // `*const`, but `*const name`
    text = "*" + qualifiers + text;
    qualifiers.clear();
  }
  void append(std::string_view suffix) {
    if (text.starts_with('*')) text = "(" + text + ")";
    text += suffix;
  }
  // "char[16]", "char name[16]", "int (*)(void)".
  std::string finish(std::string_view base) const {
    std::string out = qualifiers + std::string(base);
    if (!text.empty() && !text.starts_with('[')) out += ' ';
    return out + text;
  }
};

std::string spell(const View& view, TypeId id, std::string_view name, u32 nesting,
                  std::size_t& budget);

std::string spell_params(const View& view, const Type& proto, u32 nesting, std::size_t& budget) {
  const Entries<Param> list = params(view, proto);
  if (list.empty()) return "(void)";
  if (nesting == kMaxNesting) return "(...)";
  std::string out = "(";
  for (u32 i = 0; i < list.size(); i++) {
    if (i != 0) out += ", ";
    const bool variadic = i + 1 == list.size() && list[i].type == TypeId{} && list[i].name.empty();
    out += variadic || budget == 0 ? "..." : spell(view, list[i].type, "", nesting + 1, budget);
    if (budget == 0) break;
  }
  return out + ")";
}

std::string spell(const View& view, TypeId id, std::string_view name, u32 nesting,
                  std::size_t& budget) {
  Declarator declarator = {.text = std::string(name.substr(0, kMaxNameBytes)), .qualifiers = {}};
  Type type = view.type(id);
  for (u32 steps = 0; steps <= kMaxChain; steps++) {
    TypeId next = type.type();
    if (is_modifier(type.kind)) {
      declarator.qualifiers += qualifier(type.kind);
    } else if (type.kind == Kind::ptr) {
      declarator.add_pointer();
    } else if (type.kind == Kind::array) {
      const Array info = array(type);
      declarator.append(info.count == 0 ? "[]" : format("[{}]", info.count));
      next = info.element;
    } else if (type.kind == Kind::func_proto) {
      declarator.append(spell_params(view, type, nesting, budget));
    } else if (type.kind == Kind::func || type.kind == Kind::var) {
      if (declarator.text.empty()) declarator.text = type.name.substr(0, kMaxNameBytes);
    } else {
      const std::string out = declarator.finish(base_name(type));
      budget -= std::min(budget, out.size() + 1);  // +1: names may be empty, lists end anyway
      return out;
    }
    type = view.type(next);
  }
  budget = 0;
  return declarator.finish("...");
}

}  // namespace

std::string type_name(const View& view, TypeId id) {
  return declaration(view, id, "");
}

std::string declaration(const View& view, TypeId id, std::string_view name) {
  std::size_t budget = kMaxNameBytes;
  return spell(view, id, name, 0, budget);
}

}  // namespace bpfld::btf
