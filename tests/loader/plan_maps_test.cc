// SPDX-License-Identifier: Apache-2.0
// How maps are asked for: sizes filled in, rings rounded, types told or not, maps of maps, arenas.
#include "tests/loader/plan_case.h"

using namespace bpfld;
using namespace bpfld::test;

TEST_CASE("loader plan: a perf event array without a size has one entry per possible CPU") {
  KernelProfile profile;
  profile.possible_cpus = 12;
  const auto members = [](u32 entries) {
    return [=](ObjectBuilder&) {
      return std::vector<MapMember>{number("type", 4), number("key_size", 4),
                                    number("value_size", 4), number("max_entries", entries)};
    };
  };
  std::string notes;
  CHECK(create(members(0), profile, &notes).max_entries == 12);
  CHECK(create(members(3), profile, &notes).max_entries == 3);
  CHECK(notes.empty());  // everybody leaves it out
}

TEST_CASE(
    "loader plan: a cpumap without a size has one entry per possible CPU, which is asked for") {
  ObjectBuilder object;
  object.add_map("m", {number("type", 16), number("key_size", 4), number("value_size", 8)});
  const ObjectSpec spec = spec_of(object);
  CHECK(needs(spec, {}).possible_cpus);
  KernelProfile profile;
  profile.possible_cpus = 12;
  const Plan plan = plan_of(spec, profile);
  CHECK(creation(plan, spec, "m").max_entries == 12);
  CHECK(plan.notes == std::vector<std::string>{"map m: no max_entries given, using 12"});
}

TEST_CASE("loader plan: a ring's size becomes a power of two of at least a page") {
  ObjectBuilder object;
  object.add_map("m", {number("type", 27), number("max_entries", 1)});
  ObjectSpec spec = spec_of(object);
  const auto size = [&](u32 entries, u32 page) {
    KernelProfile profile;
    profile.page_size = page;
    spec.maps[0].max_entries = entries;
    return creation(plan_of(spec, profile), spec, "m").max_entries;
  };
  CHECK(size(1, 4096) == 4096);
  CHECK(size(4096, 4096) == 4096);
  CHECK(size(4097, 4096) == 8192);
  CHECK(size(100'000, 4096) == 131'072);
  CHECK(size(4096, 65'536) == 65'536);
  CHECK(size(0x40000001, 4096) == 0x80000000);
  CHECK(size(0x80000000, 4096) == 0x80000000);
  CHECK(size(0xffffffff, 4096) == 0xffffffff);  // no such power: the kernel may answer
  CHECK(size(0, 4096) == 256u << 10);
}

TEST_CASE(
    "loader plan: a ring has no key and value, whatever the source says, and a note its size") {
  std::string notes;
  const bpf::MapCreate ring = create(
      [](ObjectBuilder& o) {
        return std::vector<MapMember>{number("type", 27), type("value", o.u64_id)};
      },
      {}, &notes);
  CHECK(ring.key_size == 0);
  CHECK(ring.value_size == 0);
  CHECK_FALSE(ring.btf.is_set());
  CHECK(notes == "map m: no size given, using 262144 bytes\n");
}

TEST_CASE("loader plan: sizes that the object leaves out are chosen, and told") {
  std::string notes;
  const bpf::MapCreate hash = create(
      [](ObjectBuilder& o) {
        return std::vector<MapMember>{number("type", 1), type("key", o.u32_id),
                                      type("value", o.u64_id)};
      },
      {}, &notes);
  CHECK(hash.max_entries == 10240);
  CHECK(notes == "map m: no max_entries given, using 10240\n");

  notes.clear();
  const bpf::MapCreate stacks = create(
      [](ObjectBuilder&) {
        return std::vector<MapMember>{number("type", 7), number("key_size", 4)};
      },
      {}, &notes);
  CHECK(stacks.value_size == 127 * 8);
  CHECK(stacks.max_entries == 16384);
  CHECK(notes ==
        "map m: no value_size given, using 1016 (127 frames)\n"
        "map m: no max_entries given, using 16384\n");
}

TEST_CASE("loader plan: storage maps have no number of entries") {
  for (const u32 kind : {19u, 21u, 24u, 28u, 29u, 32u}) {
    std::string notes;
    const bpf::MapCreate map = create(
        [=](ObjectBuilder& o) {
          return std::vector<MapMember>{number("type", kind), type("key", o.u32_id),
                                        type("value", o.u64_id)};
        },
        {}, &notes);
    CHECK(map.max_entries == 0);
    CHECK(notes.empty());
    CHECK(map.btf.is_set());  // they need it
  }
}

TEST_CASE("loader plan: map types whose contents BTF may not describe get none") {
  for (const u32 kind :
       {4u, 7u, 8u, 12u, 13u, 14u, 15u, 16u, 17u, 18u, 20u, 22u, 23u, 25u, 27u, 31u, 33u}) {
    const bpf::MapCreate map = create([=](ObjectBuilder& o) {
      return std::vector<MapMember>{number("type", kind), number("max_entries", 4096),
                                    type("key", o.u32_id), type("value", o.u32_id)};
    });
    CAPTURE(kind);
    CHECK_FALSE(map.btf.is_set());
    CHECK(map.btf_key_type_id == 0);
    CHECK(map.btf_value_type_id == 0);
  }
}

TEST_CASE("loader plan: the kernel is told both types or none, except of maps without keys") {
  const auto has_btf = [](u32 kind, bool key, bool value) {
    return create([=](ObjectBuilder& o) {
             return std::vector<MapMember>{
                 number("type", kind), number("max_entries", 8),
                 key ? type("key", o.u32_id) : number("key_size", kind == 30 ? 0 : 4),
                 value ? type("value", o.u32_id) : number("value_size", 4)};
           })
        .btf.is_set();
  };
  CHECK(has_btf(1, true, true));
  CHECK_FALSE(has_btf(1, true, false));
  CHECK_FALSE(has_btf(1, false, true));
  CHECK_FALSE(has_btf(1, false, false));
  CHECK(has_btf(30, false, true));  // bloom filter
}

TEST_CASE("loader plan: a map of maps is made after its template, which is closed then") {
  const ObjectSpec spec = fixture("maps_nested");
  const Plan plan = plan_of(spec);
  std::string text;
  for (const Op& op : plan.load) {
    const bpf::MapCreate* create = std::get_if<bpf::MapCreate>(&op.request);
    const bpf::MapUpdate* update = std::get_if<bpf::MapUpdate>(&op.request);
    if (create == nullptr && update == nullptr) {
      if (std::holds_alternative<bpf::ProgLoad>(op.request))
        text += format("{} -> ${}\n", op.subject, *op.result);
      continue;
    }
    text += op.subject;
    if (create != nullptr && create->inner_map.is_set())
      text += format(" of ${}", create->inner_map.slot_index());
    if (update != nullptr)
      text += format(" of ${} = ${}", update->map.slot_index(), update->value_fd.slot_index());
    if (op.result) text += format(" -> ${}", *op.result);
    if (op.closes) text += format(", closes ${}", *op.closes);
    text += "\n";
  }
  CHECK(text ==
        "map \"one\" -> $1\n"
        "map \"two\" -> $2\n"
        "map \"by_index.inner\" -> $3\n"
        "map \"by_index\" of $3 -> $4, closes $3\n"
        "map \"jumps\" -> $5\n"
        "map \"by_key.inner\" -> $6\n"
        "map \"by_key\" of $6 -> $7, closes $6\n"
        "map \"by_index\": slot 0 of $4 = $1\n"
        "map \"by_index\": slot 3 of $4 = $2\n"
        "program \"jumped_to\" -> $8\n"
        "program \"jump\" -> $9\n"
        "map \"jumps\": slot 2 of $5 = $8\n");
  CHECK(plan.notes.empty());
}

TEST_CASE("loader plan: a slot whose program is not loaded stays empty, and that is said") {
  const ObjectSpec spec = fixture("maps_nested");
  const Selection only_jump = {1};
  const Result<Linked> linked = link(spec, only_jump, {});
  REQUIRE(linked);
  const Result<Plan> plan = make_plan(spec, *linked, {});
  REQUIRE(plan);
  CHECK(plan->notes ==
        std::vector<std::string>{
            "map jumps: slot 2 stays empty, its program \"jumped_to\" is not loaded"});
}

TEST_CASE("loader plan: an arena is mapped once, where it wants, and its variables are its start") {
  ObjectBuilder object;
  object.add_map("arena", {number("type", 33), number("map_flags", 1024), number("max_entries", 3),
                           long_number("map_extra", u64{1} << 44)});
  object.add_variable("one", ".addr_space.1", object.u32_id, bytes_vector(u32{7}));
  object.add_variable("two", ".addr_space.1", object.u32_id, bytes_vector(u32{9}));
  object.add_function("prog", "socket",
                      {load_address(1), kSecondSlot, mov64_imm(0, 0), exit_insn()});
  object.relocate("prog", 0, "two");
  const ObjectSpec spec = spec_of(object);
  REQUIRE(spec.variables.size() == 2);
  CHECK(spec.variables[1].name == "two");
  CHECK(spec.variables[1].map == 0);
  CHECK(spec.variables[1].offset == 4);
  KernelProfile profile;
  profile.page_size = 16384;
  const Plan plan = plan_of(spec, profile);
  const bpf::MapCreate create = creation(plan, spec, "arena");
  CHECK(create.type == bpf::MapType::arena);
  CHECK(create.value_size == 0);
  CHECK(create.max_entries == 3);
  CHECK_FALSE(create.btf.is_set());
  std::vector<bpf::ArenaSetUp> set_up;
  for (const Op& op : plan.load)
    if (const bpf::ArenaSetUp* request = std::get_if<bpf::ArenaSetUp>(&op.request))
      set_up.push_back(*request);
  REQUIRE(set_up.size() == 1);
  CHECK(set_up[0].map == bpf::Fd::slot(plan.map_slots[0]));
  CHECK(set_up[0].address == u64{1} << 44);
  CHECK(set_up[0].size == u64{3} * 16384);
  CHECK(set_up[0].contents.size() == 8);
  CHECK(load_checked<u32>(set_up[0].contents, 4) == 9);
  const bpf::ProgLoad load = std::get<bpf::ProgLoad>(plan.load.back().request);
  CHECK(load.map_references == std::vector<bpf::MapReference>{{InsnIndex{0}, set_up[0].map}});
  CHECK(load.insns[0].src() == bpf::kPseudoMapValue);
  CHECK(load.insns[1].imm == 4);
}

TEST_CASE("loader plan: an arena's variables fit into its pages") {
  ObjectBuilder object;
  object.add_map("arena", {number("type", 33), number("max_entries", 1)});
  object.add_variable("big", ".addr_space.1", object.u32_id, std::vector<std::byte>(4097));
  const ObjectSpec spec = spec_of(object);
  CHECK(message(try_plan(spec)) ==
        "map \"arena\": its variables take 4097 bytes, and its 1 pages have 4096");
}

TEST_CASE("loader collect: variables of an arena need one arena") {
  const auto with = [](u32 arenas) {
    ObjectBuilder object;
    for (u32 i = 0; i < arenas; i++)
      object.add_map(format("arena{}", i), {number("type", 33), number("max_entries", 1)});
    object.add_variable("one", ".addr_space.1", object.u32_id, bytes_vector(u32{7}));
    return message(collect(object.build(), "tool"));
  };
  CHECK(with(0).find("\".addr_space.1\": holds variables of an arena, but .maps declares no map of "
                     "type ARENA") != std::string::npos);
  CHECK(with(1) == "no error");
  CHECK(with(2).find("declares more than one to choose from") != std::string::npos);
}
