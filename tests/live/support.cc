// SPDX-License-Identifier: Apache-2.0
#include "tests/live/support.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

#include <sys/syscall.h>

#include "base/mapped_file.h"
#include "btf/types.h"
#include "loader/collect.h"
#include "loader/kernel_functions.h"
#include "perf/cpus.h"

namespace bpfld::test {
namespace {

struct KindRow {
  bpf::ObjectKind kind;
  const char* name;
  u64 id_offset;  // bytes into struct bpf_{prog,map,link,btf}_info
};
constexpr KindRow kKinds[] = {{bpf::ObjectKind::program, "program", 4},
                              {bpf::ObjectKind::map, "map", 4},
                              {bpf::ObjectKind::link, "link", 4},
                              {bpf::ObjectKind::btf, "BTF", 12}};

const KindRow& row_of(bpf::ObjectKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

// What a request makes, if it is an object with an id.
const KindRow* kind_made(const bpf::Request& request) {
  if (std::holds_alternative<bpf::ProgLoad>(request)) return &row_of(bpf::ObjectKind::program);
  if (std::holds_alternative<bpf::MapCreate>(request)) return &row_of(bpf::ObjectKind::map);
  if (std::holds_alternative<bpf::BtfLoad>(request)) return &row_of(bpf::ObjectKind::btf);
  if (std::holds_alternative<bpf::LinkCreate>(request) ||
      std::holds_alternative<bpf::LinkKprobeMulti>(request) ||
      std::holds_alternative<bpf::LinkUprobeMulti>(request) ||
      std::holds_alternative<bpf::LinkTracingMulti>(request) ||
      std::holds_alternative<bpf::LinkIterator>(request) ||
      std::holds_alternative<bpf::RawTracepointOpen>(request))
    return &row_of(bpf::ObjectKind::link);
  return nullptr;
}

}  // namespace

Result<bpf::Reply> TrackingKernel::call(const bpf::Request& request) {
  Result<bpf::Reply> reply = linux_.call(request);
  const KindRow* row = kind_made(request);
  if (!reply || row == nullptr) return reply;
  bpf::ObjectInfo ask;
  ask.object = bpf::Fd::number(static_cast<int>(reply->value));
  ask.info_size = 64;
  const Result<bpf::Reply> info = linux_.call(ask);
  REQUIRE(info);
  made_.push_back({row->kind, load_checked<u32>(info->data, row->id_offset)});
  return reply;
}

bool exists(const KernelObject& object) {
  bpf::LinuxKernel kernel;
  const Result<bpf::Reply> next = kernel.call(bpf::NextId{object.kind, object.id - 1});
  return next && next->value == object.id;
}

std::string still_there(const std::vector<KernelObject>& objects) {
  std::vector<KernelObject> left = objects;
  for (int tries = 0; tries < 500; tries++) {
    std::erase_if(left, [](const KernelObject& object) { return !exists(object); });
    if (left.empty()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return name_objects(left);
}

std::string name_objects(const std::vector<KernelObject>& objects) {
  std::string out;
  for (const KernelObject& object : objects)
    out += format("{}{} {}", out.empty() ? "" : " ", row_of(object.kind).name, object.id);
  return out;
}

std::vector<KernelObject> all_objects() {
  bpf::LinuxKernel kernel;
  std::vector<KernelObject> out;
  for (const KindRow& row : kKinds) {
    u32 id = 0;
    while (const Result<bpf::Reply> next = kernel.call(bpf::NextId{row.kind, id})) {
      id = static_cast<u32>(next->value);
      out.push_back({row.kind, id});
    }
  }
  return out;
}

bool kernel_has(std::string_view enumerator) {
  const Result<MappedFile> file = MappedFile::open("/sys/kernel/btf/vmlinux");
  REQUIRE(file);
  const Result<btf::View> view = btf::View::parse(file->bytes());
  REQUIRE(view);
  for (u32 id = 1; id < view->count(); id++) {
    if (!btf::is_enum(view->kind({id}))) continue;
    for (const btf::Enumerator& one : btf::enumerators(*view, view->type({id})))
      if (one.name == enumerator) return true;
  }
  return false;
}

void covered(std::string_view row, std::string_view how) {
  std::printf("COVERED: %s %s\n", std::string(row).c_str(), std::string(how).c_str());
  std::fflush(stdout);
}

bool kernel_has_flag_xdp_frags() {
  bpf::LinuxKernel kernel;
  bpf::ProgLoad load;
  load.type = bpf::ProgType::xdp;
  load.license = "GPL";
  load.insns = {bpf::mov64_imm(0, 2), bpf::exit_insn()};
  load.flags = bpf::kProgXdpHasFrags;
  const Result<bpf::Reply> reply = kernel.call(load);
  if (reply) UniqueFd(static_cast<int>(reply->value));
  return reply.has_value();
}

namespace {

void print_skip(std::string_view test, std::string_view reason) {
  std::printf("SKIP: %s: %s\n", std::string(test).c_str(), std::string(reason).c_str());
  std::fflush(stdout);
}

}  // namespace

void skip(std::string_view test, std::string_view reason, std::string_view enumerator) {
  print_skip(test, reason);
  CHECK_MESSAGE(!kernel_has(enumerator), "the kernel has " << std::string(enumerator));
}

void skip_without(std::string_view test, std::string_view reason, std::string_view function) {
  print_skip(test, reason);
  CHECK_MESSAGE(!kernel_has_function(function), "the kernel has " << std::string(function));
}

void skip_refused(std::string_view test, const Error& error) {
  print_skip(test, error.message());
  const bool policy = error.errno_value == EPERM && error.detail.empty();
  CHECK_MESSAGE(policy, error.message() << "\n" << error.detail);
}

bool kernel_has_function(std::string_view name) {
  const Result<std::string> symbols = read_text("/proc/kallsyms", 256u << 20);
  REQUIRE(symbols);
  return !loader::functions_named(*symbols, name).empty();
}

void set_sysctl(std::string_view path, std::string_view value) {
  const std::string name = format("/proc/sys/{}", path);
  const UniqueFd file(::open(name.c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE_MESSAGE(file, name);
  REQUIRE(::write(file.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size()));
}

bool cpu_has(std::string_view flag) {
  const Result<std::string> text = read_text("/proc/cpuinfo");
  REQUIRE(text);
  const std::size_t flags = text->find("\nflags");
  if (flags == std::string::npos) return false;
  const std::string line = text->substr(flags + 1, text->find('\n', flags + 1) - flags - 1) + " ";
  return line.find(format(" {} ", flag)) != std::string::npos;
}

std::string object_path(std::string_view name) {
  const char* build = std::getenv("BPFLD_BUILD");
  return format("{}/{}", build != nullptr ? build : "build", name);
}

Loaded::Loaded(std::string_view name) {
  const std::string path = object_path(name);
  const Result<std::vector<std::byte>> file = read_file(path);
  INFO(path);
  REQUIRE(file);
  Result<loader::ObjectSpec> collected = loader::collect(*file, loader::object_name(path));
  REQUIRE_MESSAGE(collected.has_value(), (collected ? "" : collected.error().message()));
  spec = *std::move(collected);
}

bool Loaded::load(const std::vector<std::string_view>& only) {
  loader::Selection selection = loader::autoload_programs(spec);
  if (!only.empty()) {
    selection.clear();
    for (std::string_view name : only)
      selection.push_back(program_index(name));
    std::ranges::sort(selection);
  }
  loader::CaptureOptions options;
  options.kernel = &kernel;
  Result<loader::KernelProfile> captured = loader::capture(loader::needs(spec, selection), options);
  REQUIRE(captured);
  profile = *std::move(captured);
  if (edit_profile) edit_profile(profile);
  Result<loader::Session> loaded = loader::Session::load(spec, selection, profile, kernel);
  if (!loaded) {
    error = loaded.error();
    return false;
  }
  session = std::make_unique<loader::Session>(*std::move(loaded));
  return true;
}

std::string Loaded::attach() {
  for (const loader::AttachPlan& plan : session->plan().attach) {
    if (plan.no_place) continue;
    const Status attached = session->attach(plan);
    if (!attached) return attached.error().message();
  }
  return {};
}

u32 Loaded::map_index(std::string_view name) const {
  for (u32 i = 0; i < spec.maps.size(); i++)
    if (spec.maps[i].name == name) return i;
  FAIL("no map ", std::string(name));
  return 0;
}

u32 Loaded::program_index(std::string_view name) const {
  for (u32 i = 0; i < spec.programs.size(); i++)
    if (spec.programs[i].name == name) return i;
  FAIL("no program ", std::string(name));
  return 0;
}

void Loaded::set(std::string_view name, Bytes value) {
  for (const loader::VariableSpec& variable : spec.variables) {
    if (variable.name != name) continue;
    loader::MapSpec& map = spec.maps[variable.map];
    map.contents.resize(map.value_size);
    REQUIRE(variable.size == value.size());
    std::memcpy(map.contents.data() + variable.offset, value.data(), value.size());
    return;
  }
  FAIL("no variable ", std::string(name));
}

std::vector<u64> Loaded::counts() {
  const u32 size = spec.maps[map_index(".bss")].value_size;
  const std::vector<std::byte> bytes = value(".bss", size);
  std::vector<u64> out(size / sizeof(u64));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(u64));
  return out;
}

u64 Loaded::wait_count(u32 index, u64 least) {
  u64 seen = counts()[index];
  for (int tries = 0; seen < least && tries < 500; tries++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    seen = counts()[index];
  }
  return seen;
}

std::vector<std::byte> Loaded::value(std::string_view map, u32 size) {
  bpf::MapLookup lookup;
  lookup.map = bpf::Fd::number(session->map_fd(map_index(map)));
  lookup.key.assign(sizeof(u32), std::byte{0});
  lookup.value_size = size;
  const Result<bpf::Reply> reply = kernel.call(lookup);
  REQUIRE(reply);
  return reply->data;
}

std::vector<std::vector<std::byte>> Loaded::per_cpu_values(std::string_view map, u32 size) {
  const Result<std::vector<u32>> cpus = perf::possible_cpus();
  REQUIRE(cpus);
  const std::vector<std::byte> all = value(map, size * (cpus->back() + 1));
  std::vector<std::vector<std::byte>> out;
  for (std::size_t at = 0; at < all.size(); at += size)
    out.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(at),
                     all.begin() + static_cast<std::ptrdiff_t>(at + size));
  return out;
}

i64 test_run(Loaded& loaded, std::string_view program, std::size_t length) {
  bpf::ProgTestRun run;
  run.program = bpf::Fd::number(loaded.session->program_fd(loaded.program_index(program)));
  run.data_in.assign(length, std::byte{0});
  const Result<bpf::Reply> reply = loaded.kernel.call(run);
  return reply ? reply->value : -1;
}

void call_getppid(u64 count) {
  for (u64 i = 0; i < count; i++)
    ::syscall(SYS_getppid);
}

}  // namespace bpfld::test
