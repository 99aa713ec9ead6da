// SPDX-License-Identifier: Apache-2.0
// The table of options, and their values; see run_options.h.
#include "cli/run_options.h"

#include <algorithm>
#include <limits>

#include "base/escape.h"
#include "cli/commands.h"
#include "cli/target_option.h"
#include "cli/values.h"

namespace bpfld::cli {
namespace {

using enum Repeat;

// clang-format off
constexpr OptionRow kOptions[] = {
    {"output",        'o',  "FORMAT",     "columns (the default), or json: one object a line, on standard error too", once},
    {"duration",      '\0', "TIME",       "end after 10s, 500ms, 2m ...", once},
    {"count",         '\0', "N",          "end after N events", once},
    {"event",         '\0', "MAP=TYPE",   "what the events of a map are, when the object does not tell or tells wrong", many},
    {"columns",       '\0', "A,B,...",    "show these fields, in that order", once},
    {"field",         '\0', "FIELD:FORMAT,...", "show fields as ip, mac, port (all in network byte order), hex, ns, us, ms or s; a tag in the object does the same: btf_decl_tag(\"bpfld:fmt=ip\"), \"bpfld:unit=ns\"", many},
    {"no-header",     '\0', "",           "rows only", once},
    {"set",           '\0', "NAME=VALUE", "give a global variable its value: a number, true, false, an enumerator, text, @self (process id of bpfld) or @child (of CMD)", many},
    {"map",           '\0', "MAP...",     "MAP.max_entries=N (also key_size, value_size, map_flags, map_extra, numa_node), MAP=/PINNED (take that map instead), MAP[KEY]=VALUE (an element from the start)", many},
    {"no-share",      '\0', "",           "with several OBJECTs: maps of the same name are different maps", once},
    {"only",          '\0', "GLOB",       "load only the programs of these names; also those whose SEC() starts with '?'", many},
    {"skip",          '\0', "GLOB",       "do not load the programs of these names", many},
    {"attach",        '\0', "PROG=PLACE", "attach the programs of this name (or pattern) there; see above", many},
    kTargetOption,
    {"dev",           '\0', "IF",         "the interface for XDP, tc and socket programs", many},
    {"cgroup",        '\0', "DIR",        "the cgroup for cgroup and sockops programs (default: the root of the cgroup2 hierarchy)", once},
    {"netns",         '\0', "NAME",       "the network namespace for sk_lookup and flow_dissector programs: a name of `ip netns`, or a file", once},
    {"xdp-mode",      '\0', "MODE",       "native, generic or offload (default: native, and generic where the driver has no XDP)", once},
    {"pid",           '\0', "N",          "the only process for uprobe, usdt and perf_event programs", once},
    {"freq",          '\0', "HZ",         "how often a perf_event program runs on each CPU, in a second", once},
    {"all-variants",  '\0', "",           "when the object has fentry and kprobe (or tp_btf and raw_tp) programs for one place, load all, not only the best", once},
    {"strict",        '\0', "",           "a program that does not attach is an error, even when others do; and so is a map whose size the object leaves open", once},
    {"btf",           '\0', "FILE",       "take the kernel's types from FILE instead of /sys/kernel/btf/vmlinux", once},
    {"token",         '\0', "DIR",        "in a user namespace: the BPF file system that delegates rights to it (default: /sys/fs/bpf, if it does and they are needed)", once},
    {"buffer",        '\0', "SIZE",       "of a perf event array, for each CPU: 64K, 4M ... (default 256K)", once},
    {"fail-on-lost",  '\0', "",           "exit status 8 when events were lost", once},
    {"verifier-log",  '\0', "WHEN",       "off, fail (the lines that matter; the default) or full: every instruction, also of programs that are accepted", once},
    {"pin",           '\0', "DIR",        "pin all maps, programs and links, as DIR/maps/NAME, DIR/progs/NAME and DIR/links/NAME: they stay when bpfld ends. DIR is on a BPF file system and does not exist yet", once},
    {"replace",       '\0', "",           "with --pin: DIR may exist; its pins are replaced, and its maps that are pinned by name are kept", once},
    {"detach",        '\0', "",           "with --pin: end at once and leave everything as it is", once},
    {"pin-root",      '\0', "DIR",        "maps that the object wants to be pinned by name are taken from DIR, or pinned there", once},
    {"exit-with-cmd", '\0', "",           "end with the exit status of CMD", once},
};
// clang-format on

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t end = text.find(separator);
    if (end != 0 && !text.empty()) out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

Status read_format(const Arguments& arguments, RunOptions& out) {
  if (!arguments.has("output")) return {};
  const std::string_view format = arguments.value("output");
  if (format != "columns" && format != "json")
    return fail(Code::usage, "--output takes columns or json, not \"{}\"", escape_terminal(format));
  if (format == "json") out.format = OutputFormat::json;
  return {};
}

Status read_verifier_log(const Arguments& arguments, RunOptions& out) {
  if (!arguments.has("verifier-log")) return {};
  const std::string_view when = arguments.value("verifier-log");
  if (when == "off")
    out.verifier_log = VerifierLog::off;
  else if (when == "full")
    out.verifier_log = VerifierLog::full;
  else if (when != "fail")
    return fail(Code::usage, "--verifier-log takes off, fail or full, not \"{}\"",
                escape_terminal(when));
  return {};
}

Status read_events(const Arguments& arguments, RunOptions& out) {
  for (const std::string& text : arguments.values("event")) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
      return fail(Code::usage, "--event {}: want MAP=TYPE", escape_terminal(text));
    out.events.push_back({.map = text.substr(0, equals), .type = text.substr(equals + 1)});
  }
  return {};
}

Status read_fields(const Arguments& arguments, RunOptions& out) {
  for (const std::string& value : arguments.values("field"))
    for (const std::string& text : split(value, ',')) {
      const std::size_t colon = text.find(':');
      if (colon == std::string::npos || colon == 0 || colon + 1 == text.size())
        return fail(Code::usage, "--field {}: want FIELD:FORMAT, such as saddr:ip",
                    escape_terminal(text));
      out.fields.push_back({.field = text.substr(0, colon), .show = text.substr(colon + 1)});
    }
  return {};
}

Status read_limits(const Arguments& arguments, RunOptions& out) {
  if (arguments.has("duration"))
    out.duration = TRY(with_context(parse_duration(arguments.value("duration")),
                                    [] { return std::string("--duration"); }));
  if (arguments.has("count"))
    out.count = TRY(
        with_context(parse_count(arguments.value("count")), [] { return std::string("--count"); }));
  if (arguments.has("buffer"))
    out.buffer = TRY(with_context(parse_size(arguments.value("buffer")),
                                  [] { return std::string("--buffer"); }));
  return {};
}

Result<u32> small_number(const Arguments& arguments, std::string_view option) {
  const u64 number = TRY(
      with_context(parse_count(arguments.value(option)), [&] { return format("--{}", option); }));
  if (number > 0x7fffffff) return fail(Code::usage, "--{}: {} is too large", option, number);
  return static_cast<u32>(number);
}

std::vector<std::string> to_vector(std::span<const std::string> values) {
  return {values.begin(), values.end()};
}

Status read_places(const Arguments& arguments, RunOptions& out) {
  AttachOptions& places = out.places;
  places.attach = to_vector(arguments.values("attach"));
  places.devices = to_vector(arguments.values("dev"));
  places.cgroup = arguments.value("cgroup");
  places.netns = arguments.value("netns");
  places.xdp_mode = arguments.value("xdp-mode");
  if (arguments.has("pid")) places.pid = TRY(small_number(arguments, "pid"));
  if (arguments.has("freq")) places.frequency = TRY(small_number(arguments, "freq"));
  constexpr std::string_view kModes[] = {"", "native", "generic", "offload"};
  if (std::ranges::find(kModes, places.xdp_mode) == std::end(kModes))
    return fail(Code::usage, "--xdp-mode takes native, generic or offload, not \"{}\"",
                escape_terminal(places.xdp_mode));
  return {};
}

}  // namespace

const CommandRow kRunCommand = {
    .name = "run",
    .operands = "OBJECT... [-- CMD ARG...]",
    .summary = "load an object, attach its programs, print what they emit",
    .about =
        "Loads each OBJECT (a .bpf.o file), attaches every program whose SEC() names a place, and "
        "prints "
        "the events of its perf event arrays and ring buffers until Ctrl-C. Events go to standard "
        "output, everything else to standard error. With CMD, which starts when everything is "
        "attached, the run ends when CMD does. Nothing stays behind.\n"
        "\n"
        "Which type the events have: --event; else a tag on the map "
        "(btf_decl_tag(\"bpfld:event=struct event\")); else the value type of the ring buffer; "
        "else "
        "that of the map which the data comes from; else a variable that keeps one type in the BTF "
        "(const struct event *unused). Otherwise the bytes are shown.\n"
        "\n"
        "A program whose SEC() cannot say where it goes (xdp, tc, cgroup/..., sk_skb ...) is "
        "attached "
        "where --attach or a default for its class, such as --dev, says: `--dev eth0`, or "
        "`--attach 'on_packet=xdp:eth0,generic'`. PLACE is one of\n"
        "\n"
        "  kprobe:FUNCTION[+OFFSET]  ksyscall:NAME  uprobe:FILE:FUNCTION[+OFFSET]\n"
        "  usdt:FILE:PROVIDER:NAME  kprobe.multi:GLOB  uprobe.multi:FILE:GLOB\n"
        "  tp:CATEGORY/EVENT  raw_tp:EVENT  tp_btf:EVENT  perf:EVENT[@HZ]  iter:KIND[,NAME=VALUE]\n"
        "  fentry:FUNCTION  fexit:FUNCTION  fmod_ret:FUNCTION  fsession:FUNCTION\n"
        "  fentry.multi:GLOB  fexit.multi:GLOB  fsession.multi:GLOB\n"
        "  lsm:HOOK  xdp:IF[,native|generic|offload]  tcx:IF[:ingress|egress]\n"
        "  tc:IF[:ingress|egress][,prio=N][,handle=N]  netkit:IF[:primary|peer]\n"
        "  cgroup:DIR  sockmap:MAP[:HOOK]\n"
        "  socket:IF  socket:pid=N,fd=N  netns:NAME  lwt:PREFIX,dev=IF[,via=ADDRESS]\n"
        "  netfilter:ipv4|ipv6:HOOK[,prio=N][,defrag]  lirc:DEVICE\n"
        "\n"
        "Several OBJECTs are loaded one after the other and attached when all are loaded. A map "
        "that "
        "an earlier one has by the same name is taken from there. An option that names a program, "
        "a map, a variable or a field is for the objects that have it.\n"
        "\n"
        "With several --attach for one program it is attached to all of these places, and not "
        "where "
        "its section says.\n"
        "\n"
        "--target makes fentry, fexit and freplace programs look at, or replace, a function of "
        "another "
        "BPF program: SEC(\"fentry/parse\") with --target PROG=on_packet is at the entry of "
        "parse() "
        "in on_packet of the same object, which is loaded first. Given again for an freplace "
        "program, it takes the place of functions of several programs.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = std::numeric_limits<std::size_t>::max(),
    .takes_command = true,
};

Result<RunOptions> read_run_options(const Arguments& arguments) {
  RunOptions out;
  out.objects = {arguments.operands.begin(), arguments.operands.end()};
  out.object = out.objects.front();
  TRY(read_format(arguments, out));
  TRY(read_verifier_log(arguments, out));
  TRY(read_events(arguments, out));
  TRY(read_fields(arguments, out));
  TRY(read_limits(arguments, out));
  TRY(read_places(arguments, out));
  out.targets = to_vector(arguments.values("target"));
  out.sets = to_vector(arguments.values("set"));
  out.only = to_vector(arguments.values("only"));
  out.skip = to_vector(arguments.values("skip"));
  out.columns = split(arguments.value("columns"), ',');
  out.btf = arguments.value("btf");
  out.token = arguments.value("token");
  out.all_variants = arguments.has("all-variants");
  out.share = !arguments.has("no-share");
  out.maps = to_vector(arguments.values("map"));
  out.pin = arguments.value("pin");
  out.pin_root = arguments.value("pin-root");
  out.replace = arguments.has("replace");
  out.detach = arguments.has("detach");
  out.strict = arguments.has("strict");
  out.header = !arguments.has("no-header");
  out.fail_on_lost = arguments.has("fail-on-lost");
  out.exit_with_command = arguments.has("exit-with-cmd");
  out.command = arguments.command;
  if (out.exit_with_command && out.command.empty())
    return fail(Code::usage, "--exit-with-cmd needs a command after --");
  if (out.pin.empty() && (out.replace || out.detach))
    return fail(Code::usage, "--{} goes with --pin DIR", out.replace ? "replace" : "detach");
  if (!out.pin.empty() && out.objects.size() > 1)
    return fail(Code::usage, "--pin takes one OBJECT");
  if (out.detach && !out.command.empty())
    return fail(Code::usage, "--detach ends at once: a command after -- would see nothing");
  return out;
}

}  // namespace bpfld::cli
