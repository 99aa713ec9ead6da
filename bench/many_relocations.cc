// SPDX-License-Identifier: Apache-2.0
// Writes a .bpf.c with 1,000 CO-RE relocations over 200 of a kernel's own structs, spread over its
// types: an object as large as real ones get, in which every question has an answer.
//
//   many-relocations BTF-FILE OUTPUT
#include <cstdio>
#include <set>
#include <string>

#include "base/mapped_file.h"
#include "btf/types.h"

namespace {

using namespace bpfld;

constexpr u32 kRoots = 200;
constexpr u32 kPerRoot = 5;

// Members with a name that C takes for one here.
std::vector<std::string> usable_members(const btf::View& kernel, const btf::Type& type) {
  static const std::set<std::string_view> keywords = {"bool", "class", "default", "enum", "int"};
  std::vector<std::string> out;
  for (const btf::Member& member : btf::members(kernel, type)) {
    if (!member.name.empty() && !keywords.contains(member.name)) out.emplace_back(member.name);
    if (out.size() == kPerRoot) break;
  }
  return out;
}

// The ids of all structs and unions that can be asked about, one per name.
std::vector<btf::TypeId> usable_types(const btf::View& kernel) {
  std::vector<btf::TypeId> out;
  std::set<std::string_view> seen;
  for (u32 id = 1; id < kernel.count(); id++) {
    const btf::Type type = kernel.type({id});
    if (!btf::is_composite(type.kind) || type.name.empty() || type.name.contains('.')) continue;
    if (usable_members(kernel, type).size() == kPerRoot && seen.insert(type.name).second)
      out.push_back({id});
  }
  return out;
}

std::string source_for(const btf::View& kernel) {
  std::string types, reads;
  const std::vector<btf::TypeId> all = usable_types(kernel);
  for (std::size_t n = 0; n < kRoots && n < all.size(); n++) {
    const btf::Type type = kernel.type(all[n * all.size() / kRoots]);
    const std::string tag = std::string(type.kind == btf::Kind::struct_ ? "struct " : "union ") +
                            std::string(type.name);
    types += tag + " {\n";
    for (const std::string& member : usable_members(kernel, type)) {
      types += "  int " + member + ";\n";
      reads += "  sum += bpf_core_field_exists(" + tag + ", " + member + ");\n";
    }
    types += "} __attribute__((preserve_access_index));\n";
  }
  return "#include <linux/types.h>\n#include <bpf/bpf_core_read.h>\n"
         "#include <bpf/bpf_helpers.h>\n" +
         types + "unsigned int sum;\nSEC(\"tp/syscalls/sys_enter_getppid\")\n" +
         "int on_getppid(void* ctx) {\n" + reads +
         "  return 0;\n}\nchar LICENSE[] SEC(\"license\") = \"GPL\";\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const Result<MappedFile> file = MappedFile::open(argv[1]);
  const Result<btf::View> kernel =
      file ? btf::View::parse(file->bytes()) : std::unexpected(file.error());
  if (!kernel) {
    std::fprintf(stderr, "many-relocations: %s\n", kernel.error().message().c_str());
    return 1;
  }
  std::FILE* out = std::fopen(argv[2], "w");
  if (out == nullptr) return 1;
  const std::string text = source_for(*kernel);
  const bool written = std::fwrite(text.data(), 1, text.size(), out) == text.size();
  return std::fclose(out) == 0 && written ? 0 : 1;
}
