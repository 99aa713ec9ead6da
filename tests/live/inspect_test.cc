// SPDX-License-Identifier: Apache-2.0
// Objects that are in the kernel already, found by id as a stranger would find them.
#include <algorithm>
#include <cerrno>
#include <doctest/doctest.h>
#include <set>

#include "base/mapped_file.h"
#include "btf/types.h"
#include "loader/kallsyms.h"
#include "loader/kernel_objects.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using loader::KernelObject;
using test::Loaded;

// The id of the one whose fd we hold.
u32 id_of(bpf::Kernel& kernel, int fd) {
  const Result<bpf::Reply> info = kernel.call(bpf::ObjectInfo{bpf::Fd::number(fd), bpf::kInfoSize});
  REQUIRE(info);
  return load_checked<u32>(info->data, 4);
}

bool is_listed(bpf::Kernel& kernel, bpf::ObjectKind kind, u32 id) {
  bool found = false;
  REQUIRE(loader::for_each_object(kernel, kind, [&](const KernelObject& object) {
    found |= load_checked<u32>(object.info, 4) == id;
    return true;
  }));
  return found;
}

}  // namespace

TEST_CASE("live: inspect: a program is found by id, with its name and its instructions") {
  Loaded loaded("fixtures/data_sections.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  bpf::LinuxKernel kernel;
  const u32 id = id_of(kernel, loaded.session->program_fd(loaded.program_index("compute")));
  CHECK(is_listed(kernel, bpf::ObjectKind::program, id));
  const Result<KernelObject> program = loader::open_object(kernel, bpf::ObjectKind::program, id);
  REQUIRE(program);
  const bpf::ProgramInfo info = bpf::decode_program_info(program->info);
  CHECK(info.name == "compute");
  CHECK(info.tag != "0000000000000000");
  const Result<std::vector<bpf::Insn>> insns = loader::read_instructions(kernel, *program);
  REQUIRE(insns);
  CHECK(insns->size() * sizeof(bpf::Insn) == info.xlated_size);
  CHECK(std::ranges::count(*insns, bpf::exit_insn()) >= 1);
}

TEST_CASE("live: inspect: a call of a helper is its distance from a symbol, which tells its name") {
  Loaded loaded("fixtures/minimal.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  bpf::LinuxKernel kernel;
  const u32 id = id_of(kernel, loaded.session->program_fd(0));
  const Result<KernelObject> program = loader::open_object(kernel, bpf::ObjectKind::program, id);
  REQUIRE(program);
  const Result<std::vector<bpf::Insn>> insns = loader::read_instructions(kernel, *program);
  REQUIRE(insns);
  const Result<std::string> text = read_text("/proc/kallsyms", 128u << 20);
  REQUIRE(text);
  const std::vector<std::string> base_name = {"__bpf_call_base"};
  const loader::KernelSymbols base = loader::find_symbols(*text, base_name);
  REQUIRE_FALSE(base.hidden);
  REQUIRE(base.found.contains("__bpf_call_base"));
  std::set<u64> addresses;
  for (const bpf::Insn& insn : *insns)
    if (insn.is_helper_call())
      addresses.insert(base.found.at("__bpf_call_base").address + static_cast<u64>(i64{insn.imm}));
  std::set<std::string> names;
  for (const auto& [address, name] : loader::names_at(*text, addresses))
    names.insert(name);
  CHECK(names.contains("bpf_trace_printk"));
}

TEST_CASE("live: inspect: a map's BTF names the variables of its data section") {
  Loaded loaded("fixtures/data_sections.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  bpf::LinuxKernel kernel;
  const u32 id = id_of(kernel, loaded.session->map_fd(loaded.map_index(".bss")));
  const Result<KernelObject> map = loader::open_object(kernel, bpf::ObjectKind::map, id);
  REQUIRE(map);
  const bpf::MapInfo info = bpf::decode_map_info(map->info);
  REQUIRE(info.btf_id != 0);
  const Result<loader::LoadedBtf> btf = loader::read_loaded_btf(kernel, info.btf_id);
  REQUIRE(btf);
  CHECK(btf->view->type({info.btf_value_type}).kind == btf::Kind::datasec);
}

TEST_CASE("live: inspect: a walk over a map gives each key once, also while keys are deleted") {
  bpf::LinuxKernel kernel;
  static_cast<void>(kernel.call(bpf::RaiseMemlock{}));  // what 5.10 charges maps to
  bpf::MapCreate create;
  create.type = bpf::MapType::hash;
  create.key_size = create.value_size = 4;
  create.max_entries = 1000;
  const Result<bpf::Reply> made = kernel.call(create);
  REQUIRE(made);
  const UniqueFd map(static_cast<int>(made->value));
  const bpf::Fd fd = bpf::Fd::number(map.get());
  const auto bytes = [](u32 number) {
    const Bytes view = bytes_of(number);
    return std::vector<std::byte>(view.begin(), view.end());
  };
  for (u32 i = 0; i < 1000; i++)
    REQUIRE(kernel.call(bpf::MapUpdate{.map = fd, .key = bytes(i), .value = bytes(i)}));
  bpf::MapInfo info;
  info.type = bpf::MapType::hash;
  info.key_size = info.value_size = 4;
  loader::MapKeys keys(kernel, map.get(), info);
  std::vector<u32> seen;
  while (true) {
    const Result<std::vector<std::byte>> key = keys.next();
    REQUIRE(key);
    if (key->empty()) break;
    seen.push_back(load_checked<u32>(*key, 0));
    if (seen.size() % 3 == 0) REQUIRE(kernel.call(bpf::MapDelete{fd, *key}));
  }
  std::ranges::sort(seen);
  CHECK(std::ranges::adjacent_find(seen) == seen.end());
  CHECK(seen.size() == 1000);
}

TEST_CASE("live: inspect: an id that is not there is not found") {
  bpf::LinuxKernel kernel;
  const Result<KernelObject> none = loader::open_object(kernel, bpf::ObjectKind::map, 0x7fffffff);
  REQUIRE_FALSE(none);
  CHECK(none.error().errno_value == ENOENT);
}

TEST_CASE("live: inspect: a link is found by id, and one of a perf event cannot be detached") {
  Loaded loaded("fixtures/minimal.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  REQUIRE(loaded.attach() == "");
  bpf::LinuxKernel kernel;
  u32 links = 0;
  for (const test::KernelObject& object : loaded.kernel.made())
    if (object.kind == bpf::ObjectKind::link) {
      links++;
      const Result<KernelObject> link =
          loader::open_object(kernel, bpf::ObjectKind::link, object.id);
      REQUIRE(link);
      CHECK(bpf::link_type_name(bpf::decode_link_info(link->info).type) == "perf_event");
      const Result<bpf::Reply> detached =
          kernel.call(bpf::LinkDetach{bpf::Fd::number(link->fd.get())});
      REQUIRE_FALSE(detached);
      CHECK(detached.error().errno_value == EOPNOTSUPP);
    }
  // Before v5.15 a perf event has its program without a link.
  if (links == 0)
    test::skip("live: inspect: a link is found by id, and one of a perf event cannot be detached",
               "no perf links", "BPF_LINK_TYPE_PERF_EVENT");
}
