// SPDX-License-Identifier: Apache-2.0
// What the live tests share: loading a compiled object, and proof that nothing of it remains.
#pragma once

#include <compare>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bpf/kernel.h"
#include "loader/capture.h"
#include "loader/session.h"
#include "loader/spec.h"

namespace bpfld::test {

// spec: an object in the kernel, by the id that outlives our fds.
struct KernelObject {
  bpf::ObjectKind kind{};
  u32 id = 0;
  auto operator<=>(const KernelObject&) const = default;
};

// A real kernel that notes the id of every program, map, link and BTF that it makes for us. Other
// processes load objects too, so what matters is that *ours* are gone.
class TrackingKernel final : public bpf::Kernel {
 public:
  [[nodiscard]] Result<bpf::Reply> call(const bpf::Request& request) override;
  const std::vector<KernelObject>& made() const { return made_; }

 private:
  bpf::LinuxKernel linux_;
  std::vector<KernelObject> made_;
};

// Whether the kernel still has an object of that id.
bool exists(const KernelObject& object);
// Waits until none of `objects` exists (the kernel frees some of them later); names those left
// after 5 s.
std::string still_there(const std::vector<KernelObject>& objects);

// "fixtures/minimal.bpf.o" -> its path below the build directory ($BPFLD_BUILD, or ./build).
std::string object_path(std::string_view name);

// A collected object with what loading it takes. Not movable: the session points into it.
struct Loaded {
  loader::ObjectSpec spec;
  loader::KernelProfile profile;
  TrackingKernel kernel;
  std::unique_ptr<loader::Session> session;
  Error error;  // of load(), when there is no session
  // What load() makes of the facts before it uses them: a kernel that lacks something.
  std::function<void(loader::KernelProfile&)> edit_profile;

  // Reads and collects; fails the test when that does not work.
  explicit Loaded(std::string_view name);
  // Loads what autoloads, or the programs of these names; the error is kept.
  bool load(const std::vector<std::string_view>& only = {});
  // Attaches all programs that name a place; the first error, or empty.
  std::string attach();

  u32 map_index(std::string_view name) const;
  u32 program_index(std::string_view name) const;
  // Writes a global variable's first value. Before load().
  void set(std::string_view variable, Bytes value);
  // The global array `counts`, which must be all of .bss; and, when the number at `index` is at
  // least `least`, or after five seconds, that number.
  std::vector<u64> counts();
  u64 wait_count(u32 index, u64 least);
  // The only value of an ARRAY of one element.
  std::vector<std::byte> value(std::string_view map, u32 size);
  // The per-CPU values of element 0, each `size` bytes; size must be a multiple of 8.
  std::vector<std::vector<std::byte>> per_cpu_values(std::string_view map, u32 size);
};

// Prints `SKIP: <test>: <reason>`, which the runner counts. Fails the test when the kernel's own
// BTF has `enumerator`, the constant that came with what is missing: then there is no excuse.
void skip(std::string_view test, std::string_view reason, std::string_view enumerator);
// The same where what is missing is a function of the kernel or of a module that can be built out,
// which would have no symbol then.
void skip_without(std::string_view test, std::string_view reason, std::string_view function);
// The same for a program that needs a trampoline and that the machine's policy refuses: EPERM
// before the verifier looked. Any other error fails the test.
void skip_refused(std::string_view test, const Error& error);
// Prints `COVERED: <row> <how>`: on this kernel a program of that SEC() row was attached and,
// unless `how` says less, called. tests/coverage.py makes a table of them.
void covered(std::string_view row, std::string_view how = "triggered");
// Whether the kernel loads programs with BPF_F_XDP_HAS_FRAGS, which is no enumerator.
bool kernel_has_flag_xdp_frags();
// Whether every CPU has that flag of /proc/cpuinfo, "cx16".
bool cpu_has(std::string_view flag);
// Whether an enum of the running kernel's BTF has that constant.
bool kernel_has(std::string_view enumerator);

// Whether the kernel or one of its loaded modules has that function.
bool kernel_has_function(std::string_view name);

// Every program, map, link and BTF that the kernel has at the moment.
std::vector<KernelObject> all_objects();
// "program 12 link 3", for what is left.
std::string name_objects(const std::vector<KernelObject>& objects);

// Writes into a file of /proc/sys; fails the test when that does not work.
void set_sysctl(std::string_view path, std::string_view value);

// Runs a program over `length` zero bytes and gives its return value; -1 when the kernel refused.
i64 test_run(Loaded& loaded, std::string_view program, std::size_t length);

// getppid(2), `count` times, by this thread.
void call_getppid(u64 count);

}  // namespace bpfld::test
