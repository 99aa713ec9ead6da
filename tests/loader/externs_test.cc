// SPDX-License-Identifier: Apache-2.0
// Externs from the object to the request: how they are laid out, what each is on a made-up kernel,
// what becomes of the instruction, which programs a missing one concerns, and what the kernel is
// told of the object's BTF.
#include "loader/externs.h"

#include <doctest/doctest.h>

#include "btf/types.h"
#include "loader/kernel_lookup.h"
#include "loader/plan.h"
#include "tests/loader/session_case.h"
#include "tests/support/made_up_kernel.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;
using bpf::Insn;
using elf::SymbolBinding;

constexpr u32 kExternLinkage = 2;
constexpr Insn kCallExtern = {bpf::kOpCall, bpf::kPseudoCall << 4, 0, -1};

// An object whose externs are added one by one; finish() writes the two sections.
struct Externs : ObjectBuilder {
  std::vector<test::VariableSpec> kconfig, ksyms;

  void option(std::string_view name, TypeId type, u32 size,
              SymbolBinding binding = SymbolBinding::global) {
    kconfig.push_back({btf.add_var(name, type, kExternLinkage), 0, size});
    add_extern(name, binding);
  }
  void symbol(std::string_view name, TypeId type, SymbolBinding binding = SymbolBinding::global) {
    ksyms.push_back({btf.add_var(name, type, kExternLinkage), 0, 0});
    add_extern(name, binding);
  }
  void function(std::string_view name, TypeId proto,
                SymbolBinding binding = SymbolBinding::global) {
    ksyms.push_back({btf.add_func(name, proto, kExternLinkage), 0, 0});
    add_extern(name, binding);
  }
  // A program that looks at the extern's address, or calls it.
  void user(std::string_view name, std::string_view of, bool call = false) {
    if (call)
      add_function(name, "socket", {kCallExtern, mov64_imm(0, 0), exit_insn()});
    else
      add_function(name, "socket", {load_address(1), kSecondSlot, mov64_imm(0, 0), exit_insn()});
    relocate(name, 0, of);
  }
  ObjectSpec finish() {
    if (!kconfig.empty()) btf.add_datasec(".kconfig", 0, kconfig);
    if (!ksyms.empty()) btf.add_datasec(".ksyms", 0, ksyms);
    return spec_of(*this);
  }
};

struct ExternsOf {
  KernelProfile profile;
  Linked linked;
  Plan plan;
};

ExternsOf all_of(const ObjectSpec& spec, MadeUpKernel& kernel) {
  ExternsOf out;
  const Selection selection = autoload_programs(spec);
  out.profile = kernel.facts(needs(spec, selection));
  Result<Linked> linked = link(spec, selection, out.profile);
  REQUIRE_MESSAGE(linked, message(linked));
  out.linked = *std::move(linked);
  Result<Plan> plan = make_plan(spec, out.linked, out.profile);
  REQUIRE_MESSAGE(plan, message(plan));
  out.plan = *std::move(plan);
  return out;
}

std::string problem(const ObjectSpec& spec, const KernelProfile& profile, u32 program = 0) {
  const std::optional<Error> error = extern_problem(spec, program, profile);
  return error ? error->message() : "none";
}

template <typename Request>
const Request& last(const Plan& plan) {
  for (auto op = plan.load.rbegin(); op != plan.load.rend(); op++)
    if (const Request* found = std::get_if<Request>(&op->request)) return *found;
  FAIL("no such request");
  throw 0;
}

}  // namespace

TEST_CASE("externs: Kconfig values lie by alignment, then size, then name, in a map of their own") {
  Externs object;
  const TypeId byte = object.btf.add_bool();
  const TypeId text = object.btf.add_array(object.btf.add_char(), object.u32_id, 9);
  object.option("CONFIG_B", byte, 1);
  object.option("CONFIG_TEXT", text, 9);
  object.option("CONFIG_INT", object.int_id, 4);
  object.option("CONFIG_A", byte, 1);
  object.option("CONFIG_LONG", object.u64_id, 8);
  object.user("prog", "CONFIG_A");
  const ObjectSpec spec = object.finish();
  std::string order;
  for (const ExternSpec& one : spec.externs)
    order += format("{}@{}+{} ", one.name, one.offset, one.size);
  CHECK(order == "CONFIG_LONG@0+8 CONFIG_INT@8+4 CONFIG_A@12+1 CONFIG_B@13+1 CONFIG_TEXT@14+9 ");
  REQUIRE(spec.maps.size() == 1);
  const MapSpec& map = spec.maps[0];
  CHECK(map.kernel_name == "tool.kconfig");
  CHECK(map.source == MapSource::kconfig);
  CHECK(map.value_size == 23);
  CHECK(map.flags == (bpf::kMapReadOnlyProg | bpf::kMapMmapable));
  CHECK(map.freeze);
}

TEST_CASE("externs: a Kconfig variable of a type that no option has is refused") {
  Externs object;
  object.option("CONFIG_X", object.btf.add_struct("s", 4, {{"a", object.int_id, 0}}), 4);
  object.user("prog", "CONFIG_X");
  object.btf.add_datasec(".kconfig", 0, object.kconfig);
  CHECK(message(collect(object.build(), "tool")) ==
        "extern \"CONFIG_X\" in .kconfig: its type, struct s, is none that a Kconfig value can "
        "have: bool, char, char array, integer, enum libbpf_tristate");
}

TEST_CASE("externs: Kconfig values fill their map, which is frozen; weak ones are 0") {
  Externs object;
  object.option("CONFIG_HZ", object.int_id, 4);
  object.option("CONFIG_OFF", object.int_id, 4, SymbolBinding::weak);
  object.option("LINUX_KERNEL_VERSION", object.int_id, 4);
  object.user("a", "CONFIG_HZ");
  object.user("b", "CONFIG_OFF");
  object.user("c", "LINUX_KERNEL_VERSION");
  const ObjectSpec spec = object.finish();
  const Needs wanted = needs(spec, autoload_programs(spec));
  CHECK(wanted.kconfig == std::vector<std::string>{"CONFIG_HZ", "CONFIG_OFF"});
  CHECK_FALSE(wanted.kernel_btf);
  KernelProfile profile;
  profile.version_code = 0x00060102;
  profile.kconfig.source = "config";
  profile.kconfig.options["CONFIG_HZ"] = "250";
  const Result<Linked> linked = link(spec, autoload_programs(spec), profile);
  REQUIRE_MESSAGE(linked, message(linked));
  const Result<Plan> plan = make_plan(spec, *linked, profile);
  REQUIRE(plan);
  const Bytes value = last<bpf::MapUpdate>(*plan).value;
  CHECK(load_checked<u32>(value, 0) == 250);
  CHECK(load_checked<u32>(value, 4) == 0);
  CHECK(load_checked<u32>(value, 8) == 0x00060102);
  CHECK(std::holds_alternative<bpf::MapFreeze>(plan->load[3].request));
  // The code reads the map's value.
  const LinkedProgram& program = linked->programs[2];
  CHECK(program.insns[0].src() == bpf::kPseudoMapValue);
  CHECK(program.insns[1].imm == 8);
  CHECK(program.map_references ==
        std::vector<Reference>{{InsnIndex{0}, ReferenceKind::map_value, 0, 8}});
}

TEST_CASE("externs: an option that is not set concerns only the programs that ask for it") {
  Externs object;
  object.option("CONFIG_OFF", object.int_id, 4);
  object.user("asks", "CONFIG_OFF");
  object.add_function("plain", "socket", {mov64_imm(0, 0), exit_insn()});
  const ObjectSpec spec = object.finish();
  KernelProfile profile;
  profile.kconfig.source = "/proc/config.gz";
  CHECK(problem(spec, profile, 0) ==
        "extern \"CONFIG_OFF\": the option is not set in /proc/config.gz");
  CHECK(problem(spec, profile, 1) == "none");
  CHECK(message(link(spec, {0}, profile)) ==
        "program \"asks\": extern \"CONFIG_OFF\": the option is not set in /proc/config.gz");
  CHECK(link(spec, {1}, profile));
  CHECK(needs(spec, {1}).kconfig.empty());
  profile.kconfig.source.clear();
  profile.kconfig.problem = "cannot open /proc/config.gz: ENOENT";
  CHECK(problem(spec, profile) ==
        "extern \"CONFIG_OFF\" is a Kconfig option, and the kernel's configuration could not be "
        "read: cannot open /proc/config.gz: ENOENT");
}

TEST_CASE("externs: what no configuration has comes from the kernel's BTF, or from its age") {
  Externs object;
  const TypeId byte = object.btf.add_bool();
  object.option("LINUX_HAS_BPF_COOKIE", byte, 1);
  object.option("LINUX_HAS_SYSCALL_WRAPPER", byte, 1);
  object.option("LINUX_HAS_NOTHING", byte, 1);
  object.user("a", "LINUX_HAS_BPF_COOKIE");
  object.user("b", "LINUX_HAS_SYSCALL_WRAPPER");
  object.user("c", "LINUX_HAS_NOTHING");
  const ObjectSpec spec = object.finish();
  const std::vector<u32> functions = {0, 1};
  MadeUpKernel kernel;
  kernel.btf.add_enum("bpf_func_id", {{"BPF_FUNC_unspec", 0}, {"BPF_FUNC_get_attach_cookie", 174}});
  KernelProfile profile = kernel.facts(needs(spec, {0, 1}));
  // Externs are sorted: cookie, nothing, wrapper.
  CHECK(resolve_externs(spec, functions, profile).kconfig ==
        std::vector<std::byte>{std::byte{1}, std::byte{0}, std::byte{0}});
  CHECK(problem(spec, profile, 2) ==
        "extern \"LINUX_HAS_NOTHING\" is no name that a loader gives a value");
  MadeUpKernel wrapped;
  wrapped.btf.add_func("__x64_sys_bpf", wrapped.btf.add_func_proto({0}));
  profile = wrapped.facts(needs(spec, {0, 1}));
  CHECK(resolve_externs(spec, functions, profile).kconfig ==
        std::vector<std::byte>{std::byte{0}, std::byte{0}, std::byte{1}});
  MadeUpKernel old;
  old.has_btf = false;
  profile = old.facts(needs(spec, {0, 1}));
  profile.version_code = 5u << 16 | 10u << 8;
  CHECK(resolve_externs(spec, functions, profile).kconfig ==
        std::vector<std::byte>{std::byte{0}, std::byte{0}, std::byte{1}});
}

TEST_CASE("externs: a symbol without a type is its address") {
  Externs object;
  const TypeId nothing = object.btf.add_const({0});
  object.symbol("_stext", nothing);
  object.symbol("maybe", nothing, SymbolBinding::weak);
  object.user("a", "_stext");
  object.user("b", "maybe");
  const ObjectSpec spec = object.finish();
  CHECK(needs(spec, {0, 1}).symbols == std::vector<std::string>{"_stext", "maybe"});
  KernelProfile profile;
  profile.symbols = find_symbols("ffffffff81000000 T _stext\nffffffff81000000 T _text\nnonsense\n",
                                 needs(spec, {0}).symbols);
  const Result<Linked> linked = link(spec, {0, 1}, profile);
  REQUIRE_MESSAGE(linked, message(linked));
  CHECK(static_cast<u32>(linked->programs[0].insns[0].imm) == 0x81000000);
  CHECK(static_cast<u32>(linked->programs[0].insns[1].imm) == 0xffffffff);
  CHECK(linked->programs[0].insns[0].src() == 0);
  CHECK(linked->programs[1].insns[0].imm == 0);
  CHECK(linked->programs[1].insns[1].imm == 0);
}

TEST_CASE("externs: an address that is missing, ambiguous or hidden is a problem of its own") {
  Externs object;
  object.symbol("_stext", object.btf.add_const({0}));
  object.user("a", "_stext");
  const ObjectSpec spec = object.finish();
  const std::vector<std::string> names = {"_stext"};
  KernelProfile profile;
  profile.symbols = find_symbols("ffffffff81000000 T _text\n", names);
  CHECK(problem(spec, profile) == "extern \"_stext\": this kernel has no such symbol");
  profile.symbols = find_symbols("10 t _stext\n20 t _stext\t[mod]\n10 t _stext\n", names);
  CHECK(problem(spec, profile) ==
        "extern \"_stext\": the kernel has several symbols of that name, at 0x10 and at 0x20");
  profile.symbols = find_symbols("0000000000000000 T _stext\n0000000000000000 T _text\n", names);
  CHECK(problem(spec, profile) ==
        "extern \"_stext\": the kernel shows no addresses (all of /proc/kallsyms is 0)");
  profile.symbols = {};
  profile.symbols_problem = "cannot open /proc/kallsyms: EACCES";
  CHECK(problem(spec, profile) ==
        "extern \"_stext\" is a symbol of the kernel: cannot open /proc/kallsyms: EACCES");
}

TEST_CASE("externs: kallsyms at address 0 beside others are real, and moved variables keep names") {
  const std::vector<std::string> names = {"fixed_percpu_data", "counter"};
  const KernelSymbols found = find_symbols(
      "0000000000000000 A fixed_percpu_data\nffffffff82000000 d counter.llvm.123\n"
      "ffffffff82000000 D counterfeit\nffffffff81000000 t counter.cold\n",
      names);
  CHECK_FALSE(found.hidden);
  CHECK(found.found == std::map<std::string, KernelSymbol>{{"counter", {0xffffffff82000000, 0}},
                                                           {"fixed_percpu_data", {0, 0}}});
}

TEST_CASE("externs: typed variables are looked up by name and compared by type") {
  Externs object;
  const TypeId rq = object.btf.add_fwd("rq");
  object.symbol("runqueues", object.btf.add_const(rq));
  object.user("prog", "runqueues");
  const ObjectSpec spec = object.finish();
  {
    MadeUpKernel kernel;
    const TypeId number = kernel.btf.add_int("int", 4);
    kernel.btf.add_struct("runqueues", 4, {{"a", number, 0}});  // a type of that name
    const TypeId var = kernel.btf.add_var("runqueues", kernel.btf.add_fwd("rq"));
    const ExternsOf all = all_of(spec, kernel);
    const auto& load = last<bpf::ProgLoad>(all.plan);
    CHECK(load.insns[0].src() == bpf::kPseudoBtfId);
    CHECK(load.insns[0].imm == static_cast<i32>(var.value));
    CHECK(load.insns[1].imm == 0);
    CHECK(load.btf_references.empty());
  }
  {
    Externs typed;
    typed.symbol("runqueues", typed.btf.add_const(typed.btf.add_typedef("number", typed.int_id)));
    typed.user("prog", "runqueues");
    const ObjectSpec qualified = typed.finish();
    MadeUpKernel kernel;
    const TypeId number = kernel.btf.add_int("int", 4);
    kernel.btf.add_var("runqueues", kernel.btf.add_volatile(number));
    CHECK(problem(qualified, kernel.facts(needs(qualified, {0}))) == "none");
  }
  for (const bool is_union : {false, true}) {  // the object only declares it
    MadeUpKernel kernel;
    const TypeId number = kernel.btf.add_int("int", 4);
    const std::vector<MemberSpec> members = {{"a", number, 0}};
    kernel.btf.add_var("runqueues", is_union ? kernel.btf.add_union("rq", 4, members)
                                             : kernel.btf.add_struct("rq", 4, members));
    CHECK((problem(spec, kernel.facts(needs(spec, {0}))) == "none") == !is_union);
  }
  MadeUpKernel other;
  other.btf.add_var("runqueues", other.btf.add_int("int", 4));
  CHECK(problem(spec, other.facts(needs(spec, {0}))) ==
        "extern \"runqueues\": the kernel's variable differs: the object has `const struct rq "
        "runqueues`, vmlinux has `int runqueues`");
  MadeUpKernel none;
  none.btf.add_var("runqueue", none.btf.add_int("int", 4));
  const KernelProfile profile = none.facts(needs(spec, {0}));
  const std::optional<Error> error = extern_problem(spec, 0, profile);
  REQUIRE(error);
  CHECK(error->code == Code::not_found);
  CHECK(error->message() == "extern \"runqueues\" (a variable) does not exist in this kernel");
  CHECK(error->detail == "did you mean: runqueue");
  const Result<Linked> linked = link(spec, {0}, profile);
  REQUIRE_FALSE(linked);
  CHECK(linked.error().detail == "did you mean: runqueue");
  // Only what is told has near names.
  const ExternOutcome outcome = resolve_externs(spec, std::vector<u32>{0}, profile);
  REQUIRE(outcome.externs[0].problem);
  CHECK(outcome.externs[0].problem->what == error->what);
  CHECK(outcome.externs[0].problem->detail == "");
}

TEST_CASE("externs: kfuncs are calls by type id, whatever flavour their name has") {
  Externs object;
  const TypeId proto = object.btf.add_func_proto(object.int_id, {{"", object.u64_id}});
  object.function("bpf_thing___v2", proto);
  object.user("prog", "bpf_thing___v2", true);
  const ObjectSpec spec = object.finish();
  MadeUpKernel kernel;
  const TypeId number = kernel.btf.add_int("int", 4);
  const TypeId wide = kernel.btf.add_uint("unsigned long", 8);
  const TypeId func =
      kernel.btf.add_func("bpf_thing", kernel.btf.add_func_proto(number, {{"x", wide}}));
  const ExternsOf all = all_of(spec, kernel);
  const auto& load = last<bpf::ProgLoad>(all.plan);
  CHECK(load.insns[0].src() == bpf::kPseudoKfuncCall);
  CHECK(load.insns[0].imm == static_cast<i32>(func.value));
  CHECK(load.insns[0].offset == 0);
  CHECK(load.fd_array.empty());
  CHECK(all.linked.programs[0].kernel_references.size() == 1);
}

TEST_CASE("externs: what is in a module takes the module's BTF, once for each kind of use") {
  Externs object;
  const TypeId proto = object.btf.add_func_proto(object.int_id);
  object.function("mod_call", proto);
  object.symbol("mod_var", object.int_id);
  object.add_function(
      "prog", "socket",
      {kCallExtern, load_address(1), kSecondSlot, kCallExtern, mov64_imm(0, 0), exit_insn()});
  object.relocate("prog", 0, "mod_call");
  object.relocate("prog", 1, "mod_var");
  object.relocate("prog", 3, "mod_call");
  const ObjectSpec spec = object.finish();
  MadeUpKernel kernel;
  const TypeId number = kernel.btf.add_int("int", 4);
  const TypeId kernel_proto = kernel.btf.add_func_proto(number);
  kernel.add_module("other", 30);
  BtfBuilder& module = kernel.add_module("mod", 31);
  const TypeId func = module.add_func("mod_call", kernel_proto);
  const TypeId var = module.add_var("mod_var", number);
  const ExternsOf all = all_of(spec, kernel);
  CHECK(kernel.opened_modules);
  CHECK(last<bpf::ObjectById>(all.plan).id == 31);
  const auto& load = last<bpf::ProgLoad>(all.plan);
  CHECK(load.insns[0].imm == static_cast<i32>(func.value));
  CHECK(load.insns[0].offset == 1);
  CHECK(load.insns[3].offset == 1);
  CHECK(load.insns[1].imm == static_cast<i32>(var.value));
  REQUIRE(load.fd_array.size() == 2);
  CHECK_FALSE(load.fd_array[0].is_set());
  REQUIRE(load.btf_references.size() == 1);
  CHECK(load.btf_references[0].at == InsnIndex{1});
  CHECK(load.btf_references[0].btf == load.fd_array[1]);
}

TEST_CASE("externs: a weak kfunc that is missing, or another, is 0 and a call that is refused") {
  for (const bool exists : {false, true}) {
    CAPTURE(exists);
    Externs object;
    const TypeId proto = object.btf.add_func_proto(object.int_id);
    object.function("bpf_thing", proto, SymbolBinding::weak);
    object.user("looks", "bpf_thing");
    object.user("calls", "bpf_thing", true);
    const ObjectSpec spec = object.finish();
    MadeUpKernel kernel;
    const TypeId number = kernel.btf.add_int("int", 4);
    if (exists)  // with another prototype
      kernel.btf.add_func("bpf_thing", kernel.btf.add_func_proto(number, {{"x", number}}));
    const ExternsOf all = all_of(spec, kernel);
    CHECK(all.linked.programs[0].insns[0] == load_address(1));
    CHECK(all.linked.programs[0].insns[1] == kSecondSlot);
    CHECK(all.linked.programs[1].insns[0] == Insn{bpf::kOpCall, 0, 0, kPoisonKfunc});
    CHECK(all.linked.externs.externs[0].verdict == ExternVerdict::absent);
  }
}

TEST_CASE("externs: without the kernel's BTF a weak name is 0, and of another that is said") {
  for (const SymbolBinding binding : {SymbolBinding::weak, SymbolBinding::global}) {
    const bool weak = binding == SymbolBinding::weak;
    CAPTURE(weak);
    Externs object;
    object.function("bpf_thing", object.btf.add_func_proto(object.int_id), binding);
    object.user("calls", "bpf_thing", true);
    const ObjectSpec spec = object.finish();
    MadeUpKernel kernel;
    kernel.has_btf = false;
    const KernelProfile profile = kernel.facts(needs(spec, {0}));
    CHECK(link(spec, {0}, profile).has_value() == weak);
    const std::optional<Error> error = extern_problem(spec, 0, profile);
    CHECK(error.has_value() == !weak);
    if (!error) continue;
    CHECK(error->message() ==
          "extern \"bpf_thing\" (a kfunc) is to be found in BTF, so programs that use it need the "
          "kernel's BTF: open /sys/kernel/btf/vmlinux: ENOENT");
    CHECK(error->detail == "");
  }
}

TEST_CASE("externs: a strong kfunc with another prototype is refused with both") {
  Externs object;
  object.function("bpf_thing", object.btf.add_func_proto(object.int_id));
  object.user("calls", "bpf_thing", true);
  const ObjectSpec spec = object.finish();
  MadeUpKernel kernel;
  const TypeId number = kernel.btf.add_int("int", 4);
  kernel.btf.add_func("bpf_thing", kernel.btf.add_func_proto(number, {{"x", number}}));
  CHECK(problem(spec, kernel.facts(needs(spec, {0}))) ==
        "extern \"bpf_thing\": the kernel's kfunc differs: the object has `int bpf_thing(void)`, "
        "vmlinux has `int bpf_thing(int)`");
}

TEST_CASE("externs: without BTF an undefined symbol says nothing, and is refused when it is used") {
  ObjectBuilder object;
  object.add_extern("mystery");
  object.add_function("prog", "socket", {kCallExtern, mov64_imm(0, 0), exit_insn()});
  object.relocate("prog", 0, "mystery");
  const ObjectSpec spec = spec_of(object);
  CHECK(problem(spec, {}) ==
        "extern \"mystery\": the object has no BTF that says what it is; a function or variable of "
        "another object must be linked in first");
}

TEST_CASE("externs: a variable cannot be called") {
  Externs object;
  object.symbol("var", object.int_id);
  object.user("prog", "var", true);
  const ObjectSpec spec = object.finish();
  MadeUpKernel kernel;
  kernel.btf.add_var("var", kernel.btf.add_int("int", 4));
  CHECK(message(link(spec, {0}, kernel.facts(needs(spec, {0})))) ==
        "program \"prog\": instruction 0 calls extern \"var\", which is no function");
}

TEST_CASE("externs: the kernel is told of no externs") {
  Externs object;
  const TypeId nothing = object.btf.add_const({0});
  object.option("CONFIG_B", object.btf.add_bool(), 1);
  object.option("CONFIG_A", object.u64_id, 8);
  object.symbol("_stext", nothing);
  object.function("bpf_thing", object.btf.add_func_proto({0}, {{"", object.int_id}}));
  object.user("prog", "CONFIG_A");
  const ObjectSpec spec = object.finish();
  const Result<btf::View> view = btf::View::parse(spec.btf);
  REQUIRE_MESSAGE(view, message(view));
  CHECK(message(view->validate()) == "no error");
  u32 sections = 0;
  for (u32 id = 1; id < view->count(); id++) {
    const btf::Type type = view->type({id});
    CHECK(btf::var_linkage(type) != btf::Linkage::extern_);
    CHECK(btf::func_linkage(type) != btf::Linkage::extern_);
    if (type.kind != btf::Kind::datasec) continue;
    sections++;
    u32 end = 0;
    for (const btf::Variable& variable : btf::variables(*view, type)) {
      CHECK(view->kind(variable.type) == btf::Kind::var);
      CHECK(variable.offset >= end);
      CHECK(variable.size > 0);
      end = variable.offset + variable.size;
    }
    CHECK(type.size() == end);
  }
  CHECK(sections == 2);
  // Every parameter of the function has a name.
  for (u32 id = 1; id < view->count(); id++)
    if (view->type({id}).name == "bpf_thing")
      for (const btf::Param& param : btf::params(*view, view->type(view->type({id}).type())))
        CHECK_FALSE(param.name.empty());
}
