// SPDX-License-Identifier: Apache-2.0
// Loading on a real kernel: what it accepts works, what it refuses is explained, nothing stays
// behind.
#include <algorithm>
#include <cerrno>
#include <doctest/doctest.h>

#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;
using test::still_there;
using test::test_run;

// Loads, then drops the session; all that was made must go.
void load_and_drop(std::string_view name) {
  Loaded loaded(name);
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  for (const std::string& note : loaded.session->plan().notes)
    CHECK_MESSAGE(note.find("without BTF") == std::string::npos, note);
  // What a first attempt and probes made on an older kernel is gone; what the plan made is there.
  std::vector<test::KernelObject> there = loaded.kernel.made();
  std::erase_if(there, [](const test::KernelObject& one) { return !test::exists(one); });
  const auto gives_fd = [](const loader::Op& op) { return op.result.has_value(); };
  CHECK(std::ssize(there) == std::ranges::count_if(loaded.session->plan().load, gives_fd));
  loaded.session.reset();
  CHECK(still_there(loaded.kernel.made()) == "");
}

// The object must be refused; gives the error. What was made on the way must be gone.
Error load_refused(std::string_view name) {
  Loaded loaded(name);
  REQUIRE_FALSE(loaded.load());
  CHECK(still_there(loaded.kernel.made()) == "");
  return loaded.error;
}

}  // namespace

TEST_CASE("live: objects of all ordinary kinds load and leave nothing behind") {
  for (std::string_view name :
       {"fixtures/minimal.bpf.o", "fixtures/maps_all.bpf.o", "fixtures/data_sections.bpf.o",
        "fixtures/many_programs.bpf.o", "fixtures/no_btf.bpf.o", "fixtures/socket_filter.bpf.o",
        "fixtures/xdp_pass.bpf.o", "fixtures/subprogs.bpf.o", "fixtures/section_names.bpf.o",
        "fixtures/stack_trace_unsized.bpf.o", "fixtures/decode.bpf.o", "fixtures/core_fields.bpf.o",
        "fixtures/context_argument.bpf.o", "fixtures/flexible_tail.bpf.o",
        "examples/execsnoop/execsnoop.bpf.o"}) {
    CAPTURE(std::string(name));
    load_and_drop(name);
  }
}

TEST_CASE("live: .data, .rodata and .bss hold their first values, and stores into them last") {
  Loaded loaded("fixtures/data_sections.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  CHECK(test_run(loaded, "compute", 64) == 1234567);
  CHECK(test_run(loaded, "compute", 64) == 1234568);
}

TEST_CASE(
    "live: subprograms of .text run with the right arguments from every program that calls them") {
  Loaded loaded("fixtures/subprogs.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  // The program sees the packet without its 14 bytes of Ethernet header.
  CHECK(test_run(loaded, "first", 64) == 3 * 50 + 11);
  CHECK(test_run(loaded, "second", 64) == 50 + 9);
  CHECK(test_run(loaded, "third", 64) == 1);
}

TEST_CASE("live: a static function of a program's own section is a subprogram, not a program") {
  Loaded loaded("fixtures/static_in_section.bpf.o");
  CHECK(loaded.spec.programs.size() == 1);
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  CHECK(test_run(loaded, "program", 64) == 51);
}

TEST_CASE("live: a callback's address reaches bpf_loop, where the kernel has it") {
  Loaded loaded("fixtures/callback.bpf.o");
  if (!loaded.load()) {
    // Refusing the object is right where the helper is missing, and only there.
    CHECK(loaded.error.code == Code::rejected);
    test::skip("a callback's address reaches bpf_loop", "no bpf_loop in " + loaded.profile.release,
               "BPF_FUNC_loop");
    return;
  }
  CHECK(test_run(loaded, "sum", 64) == 51);
}

TEST_CASE("live: a missing NULL check is refused with the verifier's words") {
  const Error error = load_refused("fixtures/verifier_null.bpf.o");
  CHECK(error.code == Code::rejected);
  CHECK(error.errno_value == EACCES);
  CHECK(error.context == "program \"on_getppid\"");
  CHECK(error.detail.find("R0 invalid mem access 'map_value_or_null'") != std::string::npos);
}

TEST_CASE("live: a program without a licence may not call a GPL helper") {
  const Error error = load_refused("fixtures/no_license.bpf.o");
  CHECK(error.code == Code::rejected);
  CHECK(error.detail.find("GPL") != std::string::npos);
}

TEST_CASE("live: an unknown section is refused before anything is made") {
  Loaded loaded("fixtures/unknown_section.bpf.o");
  CHECK_FALSE(loaded.load());
  CHECK(loaded.kernel.made().empty());
  CHECK(loaded.error.what == "unknown section \"kprobe2/do_unlinkat\"");
  CHECK(loaded.error.detail.find("kprobe") != std::string::npos);
}

TEST_CASE("live: a big-endian object is refused before anything is made") {
  Loaded loaded("fixtures/big_endian.bpf.o");
  CHECK_FALSE(loaded.load());
  CHECK(loaded.kernel.made().empty());
  CHECK(loaded.error.what == "the object is big-endian, this machine is little-endian");
}

TEST_CASE("live: maps of newer kernels are made with their extra fields, or refused by name") {
  Loaded loaded("fixtures/maps_new.bpf.o");
  if (!loaded.load()) {
    CHECK(loaded.error.context.starts_with("map \""));
    CHECK(loaded.error.errno_value == EINVAL);
    CHECK(still_there(loaded.kernel.made()) == "");
    test::skip("maps of newer kernels", "not all of their types in " + loaded.profile.release,
               "BPF_MAP_TYPE_USER_RINGBUF");
    return;
  }
  loaded.session.reset();
  CHECK(still_there(loaded.kernel.made()) == "");
}

TEST_CASE("live: a map with only its key described is made all the same") {
  Loaded loaded("fixtures/socket_filter.bpf.o");
  for (loader::MapSpec& map : loaded.spec.maps)
    map.btf_value_type = 0;
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  CHECK(loaded.session->plan().notes.empty());
}

TEST_CASE("live: a map whose types the kernel refuses is made without them") {
  Loaded loaded("fixtures/socket_filter.bpf.o");
  const u32 index = loaded.map_index("by_protocol");
  // An array's key is a u32; this says it is like the value, a u64.
  loaded.spec.maps[index].btf_key_type = loaded.spec.maps[index].btf_value_type;
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  REQUIRE(loaded.session->plan().notes.size() == 1);
  CHECK(loaded.session->plan().notes[0].find("by_protocol: created without BTF") !=
        std::string::npos);
}
