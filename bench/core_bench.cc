// SPDX-License-Identifier: Apache-2.0
// What CO-RE costs: a tool of opensnoop's size (15 relocations, 5 root types), then 1,000
// relocations over 200 root types, against the running kernel's BTF or the file that is named. The
// first line is a cold process: nothing of the BTF was touched before.
//
//   core_bench [BTF-FILE]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "btf/core_resolve.h"
#include "btf/index.h"
#include "btf/types.h"
#include "tests/support/allocations.h"
#include "tests/support/btf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::btf;

// CPU time of this process: what the machine's other work cannot disturb.
double milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// spec: an object's side: copies of structs whose fields will be asked for.
struct Object {
  test::BtfBuilder builder;
  std::vector<std::string> accesses;
  std::vector<CoreRelo> relos;
  std::vector<std::byte> blob;

  void ask(TypeId root, u32 member) {
    accesses.push_back(format("0:{}", member));
    relos.push_back({.insn_offset = 0, .type = root, .access = {}, .kind = CoreKind::field_exists});
  }
  void finish() {
    for (std::size_t i = 0; i < relos.size(); i++)
      relos[i].access = accesses[i];
    blob = builder.bytes();
  }
};

// What opensnoop reads, more or less.
Object small_object() {
  Object out;
  const TypeId int_id = out.builder.add_int("int", 4);
  const std::vector<std::pair<std::string, std::vector<std::string>>> roots = {
      {"task_struct", {"pid", "tgid", "real_parent", "comm", "mm"}},
      {"trace_event_raw_sys_enter", {"args", "id"}},
      {"trace_event_raw_sys_exit", {"ret", "id"}},
      {"file", {"f_path", "f_inode", "f_flags"}},
      {"dentry", {"d_name", "d_parent", "d_inode"}}};
  for (const auto& [name, fields] : roots) {
    std::vector<test::MemberSpec> list;
    for (const std::string& field : fields)
      list.push_back({field, int_id, 0});
    const TypeId root = out.builder.add_struct(name, 8, list);
    for (u32 i = 0; i < fields.size(); i++)
      out.ask(root, i);
  }
  out.finish();
  return out;
}

// `roots` structs of the kernel's own, spread over its types, `per_root` fields each.
Object large_object(const View& kernel, u32 roots, u32 per_root) {
  Object out;
  const TypeId int_id = out.builder.add_int("int", 4);
  const u32 stride = kernel.count() / (roots + 1);
  for (u32 n = 1; n <= roots; n++) {
    u32 id = n * stride;
    Type type = kernel.type({id});
    while (id + 1 < kernel.count() &&
           (!is_composite(type.kind) || type.name.empty() || members(kernel, type).size() < 2))
      type = kernel.type({++id});
    const Entries<Member> all = members(kernel, type);
    std::vector<test::MemberSpec> list;
    for (u32 i = 0; i < per_root; i++)
      list.push_back({std::string(all[i * (all.size() - 1) / per_root].name), int_id, 0});
    const TypeId root = out.builder.add_struct(type.name, 8, list);
    for (u32 i = 0; i < per_root; i++)
      out.ask(root, i);
  }
  out.finish();
  return out;
}

void run(const char* what, const std::string& path, const Object& object) {
  double parse = 0, resolve = 0;
  std::size_t usable = 0;
  const u64 heap = test::peak_of([&] {
    const double start = milliseconds();
    const Result<MappedFile> file = MappedFile::open(path);
    if (!file) return;
    const Result<View> kernel = View::parse(file->bytes());
    const Result<View> local = View::parse(object.blob);
    if (!kernel || !local) return;
    const double parsed = milliseconds();
    const core::Target target = {.view = &*kernel, .name = "vmlinux"};
    const Result<std::vector<core::Resolution>> got =
        core::resolve(*local, std::span(&target, 1), object.relos);
    parse = parsed - start;
    resolve = milliseconds() - parsed;
    usable = got ? static_cast<std::size_t>(std::ranges::count_if(
                       *got, [](const auto& one) { return core::is_usable(one.verdict); }))
                 : 0;
  });
  std::printf("%-34s parse %6.3f ms  resolve %6.3f ms  sum %6.3f ms  heap %5llu KiB  %zu of %zu\n",
              what, parse, resolve, parse + resolve, static_cast<unsigned long long>(heap / 1024),
              usable, object.relos.size());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "/sys/kernel/btf/vmlinux";
  const Object small = small_object();
  run("15 relocations, 5 roots, cold", path, small);
  for (int i = 0; i < 3; i++)
    run("15 relocations, 5 roots", path, small);
  const Result<MappedFile> file = MappedFile::open(path);
  if (!file) {
    std::fprintf(stderr, "%s\n", file.error().message().c_str());
    return 1;
  }
  const Result<View> kernel = View::parse(file->bytes());
  if (!kernel) {
    std::fprintf(stderr, "%s\n", kernel.error().message().c_str());
    return 1;
  }
  const Object large = large_object(*kernel, 200, 5);
  for (int i = 0; i < 3; i++)
    run("1000 relocations, 200 roots", path, large);
  return 0;
}
