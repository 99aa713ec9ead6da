// SPDX-License-Identifier: Apache-2.0
// See c_decl.h. C nests: a struct in a struct, a prototype in a parameter. What is to be written
// after the part at hand waits on a stack of tasks, since the depth is input.
#include "btf/c_decl.h"

#include <algorithm>
#include <array>
#include <utility>

#include "btf/c_walk.h"

namespace bpfld::btf {
namespace {

constexpr u32 kMaxPrototypes = 64;       // functions in the parameters of functions
constexpr std::size_t kMaxBodies = 200;  // structs in structs; clang stops at 256 brackets
constexpr u64 kLongPadding = 4096;       // bits

struct IntRow {
  std::string_view name;
  u32 size;
};

// The spellings that compilers give; any other name is spelled by its size.
// clang-format off
constexpr std::array<IntRow, 27> kInts = {{
    {"int", 4},                    {"unsigned int", 4},       {"char", 1},
    {"unsigned char", 1},          {"signed char", 1},        {"_Bool", 1},
    {"short int", 2},              {"short unsigned int", 2}, {"long int", 8},
    {"long unsigned int", 8},      {"long long int", 8},      {"long long unsigned int", 8},
    {"__int128", 16},              {"__int128 unsigned", 16}, {"unsigned __int128", 16},
    {"short", 2},                  {"unsigned short", 2},     {"long", 8},
    {"unsigned long", 8},          {"long long", 8},          {"unsigned long long", 8},
    {"unsigned", 4},               {"long unsigned", 8},      {"signed int", 4},
    {"signed long", 8},            {"signed short", 2},       {"unsigned long int", 8},
}};
// clang-format on

std::string_view int_spelling(const Type& type) {
  for (const IntRow& row : kInts)
    if (row.size == type.size() && row.name == type.name) return row.name;
  const u8 encoding = int_info(type).encoding;
  const bool is_signed = (encoding & kIntSigned) != 0;
  switch (type.size()) {
    case 1:
      if ((encoding & kIntBool) != 0) return "_Bool";
      return is_signed ? "signed char" : "unsigned char";
    case 2: return is_signed ? "short" : "unsigned short";
    case 4: return is_signed ? "int" : "unsigned int";
    case 8: return is_signed ? "long long" : "unsigned long long";
    case 16: return is_signed ? "__int128" : "unsigned __int128";
    default: return "unsigned char";  // no valid BTF has such
  }
}

std::string_view keyword(const Type& type) {
  if (is_enum(type.kind)) return "enum ";
  return type.kind == Kind::union_ || fwd_is_union(type) ? "union " : "struct ";
}

std::string_view mode_of(u32 size) {
  switch (size) {
    case 1: return " __attribute__((mode(QI)))";
    case 2: return " __attribute__((mode(HI)))";
    case 8: return " __attribute__((mode(DI)))";
    default: return "";
  }
}

// Only C before C23 may declare these.
constexpr std::string_view kBeforeC23 =
    "#if !defined(__STDC_VERSION__) || __STDC_VERSION__ < 202311L\n";

bool is_c23_word(std::string_view name) {
  return name == "bool" || name == "true" || name == "false";
}

// const, volatile and restrict, each once.
class Qualifiers {
 public:
  void add(Kind kind) {
    if (kind == Kind::const_) bits_ |= 1;
    if (kind == Kind::volatile_) bits_ |= 2;
    if (kind == Kind::restrict_) bits_ |= 4;
  }
  // "const volatile ". restrict is for pointers only.
  std::string take(bool pointer) {
    std::string out;
    if ((bits_ & 1) != 0) out += "const ";
    if ((bits_ & 2) != 0) out += "volatile ";
    if ((bits_ & 4) != 0 && pointer) out += "restrict ";
    bits_ = 0;
    return out;
  }

 private:
  u32 bits_ = 0;
};

}  // namespace

CWriter::CWriter(const View& view, const CNames& names)
    : view_(&view), names_(&names), layouts_(view), max_text_(1u << 20) {
  for (const View* part = &view; part != nullptr; part = part->base())
    max_text_ += 4 * (part->type_bytes().size() + part->string_bytes().size());
  for (u32 id = 1; id < view.count() && signs_unknown_; id++)
    if (is_enum(view.kind({id})) && view.type({id}).kind_flag) signs_unknown_ = false;
}

Status CWriter::add(const CItem& item, std::string& out) {
  paddings_ = 0;
  const Type type = view_->type(item.type);
  const std::string name(names_->of(type));
  if (item.forward) {
    out += keyword(type);
    out += name;
    out += ";\n\n";
    return {};
  }
  std::string_view end = ";\n\n";
  if (is_enum(type.kind)) {
    const Entries<Enumerator> list = enumerators(*view_, type);
    const bool is_bool = name.empty() && list.size() == 2 && list[0].name == "false";
    if (is_bool) out += kBeforeC23;
    write_enum(type, name, out);
    out += is_bool ? ";\n#endif\n\n" : end;
    return check_size(out);
  }
  if (type.kind == Kind::typedef_) {
    const bool is_bool = name == "bool";
    if (is_bool) out += kBeforeC23;
    if (is_bool) end = ";\n#endif\n\n";
    out += "typedef ";
    TRY(declare(type.type(), name, out));
  } else if (type.kind == Kind::func) {
    out += "extern ";
    TRY(declare(type.type(), name, out));
    end = " __attribute__((weak, section(\".ksyms\")));\n\n";
  } else {
    TRY(open_body(type, name, out));
  }
  TRY(run(out));
  out += end;
  return {};
}

Status CWriter::check_size(const std::string& out) const {
  if (out.size() <= max_text_) return {};
  return fail(Code::limit, "the types are more than {} bytes when written as C", max_text_);
}

Status CWriter::run(std::string& out) {
  Status status;
  while (!tasks_.empty() && status) {
    status = step(out);
    if (status) status = check_size(out);
  }
  if (!status) {
    tasks_.clear();
    bodies_.clear();
    prototypes_ = 0;
  }
  return status;
}

Status CWriter::step(std::string& out) {
  if (tasks_.back().op == Task::Op::params) return next_param(out);
  if (tasks_.back().op == Task::Op::body) {
    Status status;
    if (bodies_.back().next < bodies_.back().layout.places.size())
      next_member(out, status);
    else
      close_body(out);
    return status;
  }
  const Task task = std::move(tasks_.back());
  tasks_.pop_back();
  if (task.op == Task::Op::declaration) return declare(task.type, task.text, out);
  out += task.text;
  return {};
}

void CWriter::push_text(std::string text) {
  tasks_.push_back({.op = Task::Op::text, .text = std::move(text)});
}

void CWriter::push_declaration(TypeId id, std::string name) {
  tasks_.push_back({.op = Task::Op::declaration, .type = id, .text = std::move(name)});
}

std::string CWriter::param_name(const Param& param) const {
  if (param.name.empty()) return {};
  std::string name = c_identifier(param.name);
  if (names_->hides(name)) name += '_';
  return name;
}

// The prototype on top of the stack: its next parameter, or its end.
Status CWriter::next_param(std::string& out) {
  Task& task = tasks_.back();
  const Entries<Param> list = params(*view_, view_->type(task.type));
  if (task.next == 0 && ++prototypes_ > kMaxPrototypes)
    return fail(Code::limit, "BTF type [{}]: more than {} functions in each other's parameters",
                task.type.value, kMaxPrototypes);
  if (task.next == 0) out += list.empty() ? "(void" : "(";
  const u32 index = task.next++;
  if (index >= list.size()) {
    out += ')';
    prototypes_--;
    tasks_.pop_back();
    return {};
  }
  const Param param = list[index];
  if (index != 0) out += ", ";
  const bool variadic = index + 1 == list.size() && param.type == TypeId{} && param.name.empty();
  if (!variadic) return declare(param.type, param_name(param), out);  // `task` is gone now
  if (index != 0) out += "...";  // "()" when there is nothing else: C wants one before "..."
  return {};
}

// `type name`: from the outermost type inwards, each pointer goes in front of what is written, each
// array or function behind, with brackets when a pointer was last.
Status CWriter::declare(TypeId id, std::string_view name, std::string& out) {
  std::string left(name);
  std::vector<Task> right;
  Qualifiers qualifiers;
  bool pointer_last = false;
  const auto bracket = [&] {
    if (pointer_last) left.insert(0, 1, '(');
    if (pointer_last) right.push_back({.text = ")"});
    pointer_last = false;
  };
  for (u32 steps = 0; steps <= kMaxDeclarator; steps++) {
    const Type type = view_->type(id);
    id = type.type();
    if (is_modifier(type.kind)) {
      qualifiers.add(type.kind);
    } else if (type.kind == Kind::ptr) {
      left.insert(0, "*" + qualifiers.take(true));
      pointer_last = true;
    } else if (type.kind == Kind::array) {
      bracket();
      right.push_back({.text = format("[{}]", array(type).count)});
      id = array(type).element;
    } else if (type.kind == Kind::func_proto) {
      bracket();
      qualifiers.take(false);  // of a function: GNU attributes, such as noreturn
      right.push_back({.op = Task::Op::params, .type = type.id});
    } else {
      if (left.ends_with(' ')) left.pop_back();
      std::ranges::move(right.rbegin(), right.rend(), std::back_inserter(tasks_));
      const bool pointer = view_->kind(resolve(*view_, type.id)) == Kind::ptr;
      return leaf(type, qualifiers.take(pointer), left, out);
    }
  }
  return fail(Code::limit, "BTF type [{}]: more than {} pointers, arrays and qualifiers", id.value,
              kMaxDeclarator);
}

// The type that ends a declaration, and what stands left of the name. The text to the right of it
// is on the stack.
Status CWriter::leaf(const Type& type, std::string_view qualifiers, std::string_view declarator,
                     std::string& out) {
  out += qualifiers;
  const bool composite = is_composite(type.kind);
  if (composite && names_->of(type).empty()) {
    if (!declarator.empty()) push_text(" " + std::string(declarator));
    return open_body(type, {}, out);
  }
  if (is_enum(type.kind) && names_->of(type).empty()) {
    write_enum(type, {}, out);
  } else if (composite || is_enum(type.kind) || type.kind == Kind::fwd) {
    out += keyword(type);
    out += names_->of(type);
  } else if (type.kind == Kind::typedef_) {
    out += names_->of(type);
  } else if (type.kind == Kind::int_) {
    out += int_spelling(type);
  } else if (type.kind == Kind::float_ && (type.size() == 4 || type.size() == 8)) {
    out += type.size() == 4 ? "float" : "double";
  } else if (type.kind == Kind::float_) {  // of a size that BPF's compilers do not have
    out += format("struct {{ unsigned char bytes[{}]; }}", type.size());
  } else {
    out += "void";
  }
  if (!declarator.empty() && !declarator.starts_with('[')) out += ' ';
  out += declarator;
  return {};
}

void CWriter::indent(std::string& out, std::size_t extra) const {
  out.append(bodies_.size() + extra, '\t');
}

Status CWriter::open_body(const Type& type, std::string_view tag, std::string& out) {
  if (bodies_.size() >= kMaxBodies)
    return fail(Code::limit, "BTF type [{}]: more than {} structs inside each other", type.id.value,
                kMaxBodies);
  out += keyword(type);
  if (!tag.empty()) out += tag;
  out += tag.empty() ? "{\n" : " {\n";
  bodies_.push_back({.type = type, .layout = layouts_.layout(type)});
  tasks_.push_back({.op = Task::Op::body});
  if (bodies_.back().layout.shape == CShape::opaque)
    padding({.padding_bits = u64{type.size()} * 8}, out);
  return {};
}

void CWriter::close_body(std::string& out) {
  const bool packed = bodies_.back().layout.shape == CShape::packed;
  bodies_.pop_back();
  tasks_.pop_back();
  indent(out);
  out += packed ? "} __attribute__((packed))" : "}";
}

// Bitfields without a name, none of which crosses a boundary of 64 bits; in between, if it is long,
// an array. In a union a struct holds them.
void CWriter::padding(const CPlace& place, std::string& out) {
  if (place.padding_bits == 0) return;
  const bool in_union = bodies_.back().type.kind == Kind::union_;
  const u64 end = place.padding_start + place.padding_bits;
  indent(out);
  if (in_union) out += "struct { ";
  std::string_view start = "long ";
  for (u64 at = place.padding_start; at != end;) {
    u64 width = std::min(end - at, 64 - at % 64);
    if (at % 64 == 0 && end - at >= kLongPadding) {
      width = (end - at) / 64 * 64;
      out += format("{}unsigned char __padding_{}[{}]", at == place.padding_start ? "" : "; ",
                    ++paddings_, width / 8);
      start = "; long ";
    } else {
      out += format("{}:{}", start, width);
      start = ", ";
    }
    at += width;
  }
  out += in_union ? "; };\n" : ";\n";
}

void CWriter::next_member(std::string& out, Status& status) {
  Body& body = bodies_.back();
  const CPlace place = body.layout.places[body.next++];
  const Entries<Member> list = members(*view_, body.type);
  padding(place, out);
  if (place.member == list.size()) return;
  const Member member = list[place.member];
  if (is_c23_word(member.name)) out += kBeforeC23;
  indent(out);
  Type inner;
  if (is_unnamed_composite(*view_, member, inner)) {
    push_text(";\n");
    status = open_body(inner, {}, out);  // `body` is gone now
    return;
  }
  u64 bit = 0;
  const u32 width = bitfield_width(*view_, member, bit);
  const std::string end = width != 0 ? format(":{};\n", width) : ";\n";
  const std::string name =
      member.name.empty() ? format("unnamed_{}", place.member) : c_identifier(member.name);
  if (!is_c23_word(name)) {
    push_text(end);
    status = declare(member.type, name, out);
    return;
  }
  push_text(end + "#endif\n");  // CO-RE goes by the name, so C before C23 must have the real one
  push_declaration(member.type, name + "_");
  push_text(end + "#else\n" + std::string(bodies_.size(), '\t'));
  push_declaration(member.type, name);
}

void CWriter::write_enum(const Type& type, std::string_view tag, std::string& out) const {
  const Entries<Enumerator> list = enumerators(*view_, type);
  out += tag.empty() ? "enum" : "enum ";
  out += tag;
  out += " {\n";
  if (list.empty()) {  // C wants one
    indent(out, 1);
    out += format("{}___none,\n", tag);
  }
  for (u32 i = 0; i < list.size() && out.size() <= max_text_; i++) {
    const Enumerator entry = list[i];
    indent(out, 1);
    out += names_->enumerator(type, i, entry.name);
    const bool small = type.kind == Kind::enum_;
    const bool is_signed = type.kind_flag || (small && signs_unknown_);
    const auto value = small && is_signed ? i64{static_cast<i32>(static_cast<u32>(entry.value))}
                                          : static_cast<i64>(entry.value);
    if (!is_signed || value >= 0)
      out += format(" = {}{},\n", entry.value, entry.value >> 63 != 0 ? "ULL" : "");
    else if (value == INT64_MIN)
      out += format(" = {} - 1,\n", value + 1);
    else
      out += format(" = {},\n", value);
  }
  indent(out);
  out += "}";
  out += mode_of(type.size());
}

}  // namespace bpfld::btf
