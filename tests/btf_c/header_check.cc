// SPDX-License-Identifier: Apache-2.0
// What a compiler must agree with, for one BTF: `header_check write BTF DIR` writes DIR/vmlinux.h,
// DIR/asserts.c (a _Static_assert for each size, offset and enumerator that the BTF states) and
// DIR/variables.c (a variable of each type). `header_check compare BTF OBJECT` holds the BTF that
// clang made of the latter against the first, which is the only way to see bitfields.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>

#include "base/mapped_file.h"
#include "btf/c_header.h"
#include "btf/c_layout.h"
#include "btf/c_names.h"
#include "btf/c_walk.h"
#include "elf/object.h"

namespace bpfld::btf {
namespace {

// A member with a name, as seen from the outermost struct.
struct Flat {
  std::string path;
  u64 bit_offset = 0;
  u32 width = 0;
  u64 size = 0;
  bool operator==(const Flat&) const = default;
};

// Members of a struct and of the anonymous structs in it; with a name: "a.b".
void flatten(const View& view, const Type& type, const std::string& prefix, u64 base, int depth,
             std::vector<Flat>& out) {
  if (depth == 20) return;
  for (const Member& member : members(view, type)) {
    Type inner;
    u64 bit = 0;
    const u32 width = bitfield_width(view, member, bit);
    if (is_unnamed_composite(view, member, inner)) {
      flatten(view, inner, prefix, base + bit, depth + 1, out);
      continue;
    }
    if (member.name.starts_with("__padding_")) continue;  // our own, where there is much of it
    const std::string path = prefix + c_identifier(member.name);
    out.push_back(
        {path, base + bit, width, width != 0 ? 0 : size_of(view, member.type).value_or(0)});
    inner = view.type(skip_modifiers(view, member.type));
    if (is_composite(inner.kind) && inner.name.empty())
      flatten(view, inner, path + ".", base + bit, depth + 1, out);
  }
}
std::vector<Flat> flatten(const View& view, const Type& type) {
  std::vector<Flat> out;
  flatten(view, type, "", 0, 0, out);
  return out;
}

// A struct or union that has a name in C: its own tag, or a typedef's.
struct Named {
  std::string spelling;
  Type type;
};
std::vector<Named> named_structs(const View& view, const CNames& names) {
  std::vector<Named> out;
  for (u32 id = 1; id < view.count(); id++) {
    const Type type = view.type({id});
    const bool is_union = type.kind == Kind::union_;
    if (is_composite(type.kind) && names.has_tag(type))
      out.push_back({(is_union ? "union " : "struct ") + std::string(names.of(type)), type});
    if (type.kind != Kind::typedef_) continue;
    const Type target = view.type(type.type());
    if (is_composite(target.kind) && !names.has_tag(target))
      out.push_back({std::string(names.of(type)), target});
  }
  return out;
}

std::string value_text(const Enumerator& entry, const Type& type, bool old) {
  if (old) return format("{}", static_cast<i32>(static_cast<u32>(entry.value)));
  if (!type.kind_flag) return format("{}ULL", entry.value);
  const auto value = static_cast<i64>(entry.value);
  return value == INT64_MIN ? "(-9223372036854775807LL - 1)" : format("{}LL", value);
}

void assert_enums(const View& view, const CNames& names, std::ostream& out) {
  bool old = true;
  for (u32 id = 1; id < view.count(); id++)
    if (is_enum(view.kind({id})) && view.type({id}).kind_flag) old = false;
  for (u32 id = 1; id < view.count(); id++) {
    const Type type = view.type({id});
    if (!is_enum(type.kind) || type.vlen == 0) continue;
    if (names.has_tag(type))
      out << "A(sizeof(enum " << names.of(type) << ") == " << type.size() << ");\n";
    const Entries<Enumerator> list = enumerators(view, type);
    for (u32 i = 0; i < list.size(); i++)
      out << "A(" << names.enumerator(type, i, list[i].name)
          << " == " << value_text(list[i], type, old) << ");\n";
  }
}

int fail_with(const std::string& message) {
  std::cerr << message << "\n";
  return 1;
}

int write(const View& view, const std::string& dir) {
  const Result<std::string> header = c_header(view);
  const Result<CNames> names = CNames::assign(view);
  if (!header) return fail_with(header.error().message());
  if (!names) return fail_with(names.error().message());
  std::ofstream(dir + "/vmlinux.h") << *header;
  std::ofstream asserts(dir + "/asserts.c"), variables(dir + "/variables.c");
  asserts << "#include \"vmlinux.h\"\n#define A(x) _Static_assert(x, #x)\n";
  variables << "#include \"vmlinux.h\"\n";
  u64 checks = 0, structs = 0;
  for (const Named& named : named_structs(view, *names)) {
    asserts << "A(sizeof(" << named.spelling << ") == " << named.type.size() << ");\n";
    variables << named.spelling << " variable_" << structs++ << ";\n";
    for (const Flat& flat : flatten(view, named.type)) {
      if (flat.width != 0) continue;
      asserts << "A(__builtin_offsetof(" << named.spelling << ", " << flat.path
              << ") == " << flat.bit_offset / 8 << ");\n";
      asserts << "A(sizeof(((" << named.spelling << " *)0)->" << flat.path << ") == " << flat.size
              << ");\n";
      checks += 2;
    }
  }
  assert_enums(view, *names, asserts);
  std::cout << structs << " structs, " << checks << " member checks\n";
  return asserts && variables ? 0 : 1;
}

// The types by the names that C knows them by, for finding them again.
int compare(const View& view, const View& compiled) {
  const Result<CNames> names = CNames::assign(view);
  if (!names) return 1;
  std::map<std::string, TypeId, std::less<>> found;
  for (u32 id = 1; id < compiled.count(); id++) {
    const Type type = compiled.type({id});
    if (is_composite(type.kind) && !type.name.empty())
      found[(type.kind == Kind::union_ ? "union " : "struct ") + std::string(type.name)] = type.id;
    if (type.kind == Kind::typedef_) found[std::string(type.name)] = resolve(compiled, type.id);
  }
  u64 checked = 0, bad = 0, bitfields = 0;
  for (const Named& named : named_structs(view, *names)) {
    const auto at = found.find(named.spelling);
    if (at == found.end()) {
      std::cerr << named.spelling << " is not in the object\n";
      bad++;
      continue;
    }
    const Type other = compiled.type(at->second);
    const std::vector<Flat> expected = flatten(view, named.type), actual = flatten(compiled, other);
    checked++;
    for (const Flat& flat : expected)
      bitfields += flat.width != 0;
    if (other.size() == named.type.size() && expected == actual) continue;
    bad++;
    if (bad > 10) continue;
    std::cerr << named.spelling << " [" << named.type.id.value << "] differs\n";
    for (std::size_t i = 0; i < std::max(expected.size(), actual.size()); i++) {
      const Flat none;
      const Flat& a = i < expected.size() ? expected[i] : none;
      const Flat& b = i < actual.size() ? actual[i] : none;
      if (a != b)
        std::cerr << "  " << a.path << " @" << a.bit_offset << ":" << a.width << " " << a.size
                  << " -> " << b.path << " @" << b.bit_offset << ":" << b.width << " " << b.size
                  << "\n";
    }
  }
  std::cout << checked << " structs, " << bitfields << " bitfields, " << bad << " differ\n";
  return bad == 0 && checked > 0 ? 0 : 1;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3) {
    std::cerr << "usage: header_check write BTF DIR | compare BTF OBJECT\n";
    return 2;
  }
  const Result<MappedFile> file = MappedFile::open(arguments[1]);
  if (!file) return fail_with(file.error().message());
  const Result<View> view = View::parse(file->bytes());
  if (!view) return fail_with(view.error().message());
  if (arguments[0] == "write") return write(*view, arguments[2]);
  const Result<MappedFile> object_file = MappedFile::open(arguments[2], u64{1} << 30);
  if (!object_file) return fail_with(object_file.error().message());
  const Result<elf::Object> object = elf::Object::parse(object_file->bytes());
  if (!object) return fail_with(object.error().message());
  const auto* section = object->find_section(".BTF");
  if (section == nullptr) return fail_with("the object has no .BTF");
  const Result<View> compiled = View::parse(section->data);
  if (!compiled) return fail_with(compiled.error().message());
  return compare(*view, *compiled);
}

}  // namespace
}  // namespace bpfld::btf

int main(int argc, char** argv) {
  return bpfld::btf::run({argv + 1, argv + argc});
}
