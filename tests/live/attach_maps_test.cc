// SPDX-License-Identifier: Apache-2.0
// Programs that run for what XDP redirects through an element of a map: the element has their fd.
#include <doctest/doctest.h>

#include "tests/live/network.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;
using test::OwnNetwork;

constexpr const char* kObject = "fixtures/attach_maps.bpf.o";

struct MapCase {
  const char* row;
  const char* program;
  const char* redirects;
  const char* map;
  bool frags;
  u32 place;  // as `enum place` in the object
};
constexpr MapCase kCases[] = {
    {"xdp/devmap", "on_devmap", "to_device", "devices", false, 1},
    {"xdp.frags/devmap", "on_devmap_frags", "to_device_frags", "devices", true, 2},
    {"xdp/cpumap", "on_cpumap", "to_cpu", "cpus", false, 3},
    {"xdp.frags/cpumap", "on_cpumap_frags", "to_cpu_frags", "cpus", true, 4},
};

void attach_to(Loaded& loaded, const char* program, const char* interface) {
  loader::AttachTarget target;
  target.method = loader::AttachMethod::network_device;
  target.kind = "xdp";
  target.place = interface;
  target.options = {{.name = "native", .value = ""}};
  loaded.spec.programs[loaded.program_index(program)].places = {target};
}

// struct bpf_devmap_val or bpf_cpumap_val: the interface or the length of the queue, and the fd.
void put(Loaded& loaded, const char* map, u32 first, int program) {
  bpf::MapUpdate update;
  update.map = bpf::Fd::number(loaded.session->map_fd(loaded.map_index(map)));
  update.key.assign(sizeof(u32), std::byte{0});
  const Bytes head = bytes_of(first), tail = bytes_of(program);
  update.value.assign(head.begin(), head.end());
  update.value.insert(update.value.end(), tail.begin(), tail.end());
  const Result<bpf::Reply> reply = loaded.kernel.call(update);
  REQUIRE_MESSAGE(reply, (reply ? "" : reply.error().message()));
}

}  // namespace

TEST_CASE("live: XDP programs of a devmap's and a cpumap's elements run for what goes there") {
  const OwnNetwork network;
  REQUIRE(test::make_pair("veth") == 0);
  for (const MapCase& c : kCases) {
    CAPTURE(std::string(c.row));
    if (c.frags && !test::kernel_has_flag_xdp_frags()) {
      test::skip(c.row, "BPF_F_XDP_HAS_FRAGS came in 5.18", "XDP_FLAGS_HAS_FRAGS");
      continue;
    }
    Loaded loaded(kObject);
    // A veth takes frames from XDP when its peer reads them with XDP.
    attach_to(loaded, "pass", "va");
    attach_to(loaded, c.redirects, "vb");
    REQUIRE_MESSAGE(loaded.load({"pass", c.redirects, c.program}), loaded.error.message());
    const bool devices = std::string_view(c.map) == "devices";
    put(loaded, c.map, devices ? test::interface_index("vb") : 64,
        loaded.session->program_fd(loaded.program_index(c.program)));
    test::send_frames("va", 3);
    const std::string error = loaded.attach();
    CHECK(error == "");
    test::send_frames("va", 10);
    CHECK(loaded.wait_count(c.place, 10) == 10);
    loaded.session->detach();
    test::send_frames("va", 3);
    CHECK(loaded.counts()[c.place] == 10);
    if (error.empty()) test::covered(c.row);
  }
}
