// SPDX-License-Identifier: Apache-2.0
// `bpfld explain`: how an object would be loaded, step by step, with the real numbers. It reads the
// object and the facts that loading it needs, and asks nothing else of the kernel: no privileges
// are needed, and with --btf the kernel may be another one.
#include <algorithm>

#include "base/escape.h"
#include "base/glob.h"
#include "base/mapped_file.h"
#include "base/near.h"
#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/facts.h"
#include "cli/hints.h"
#include "cli/saved_kernel.h"
#include "cli/target_option.h"
#include "loader/collect.h"
#include "loader/program_target.h"

namespace bpfld::cli {
namespace {

constexpr OptionRow kOptions[] = {
    {.name = "btf",
     .letter = '\0',
     .value = "FILE",
     .help = "types of another kernel, for CO-RE; see `bpfld btf`"},
    {.name = "profile",
     .letter = '\0',
     .value = "FILE",
     .help = "another kernel, saved with `bpfld profile save FILE`"},
    {.name = "config",
     .letter = '\0',
     .value = "FILE",
     .help = "take Kconfig values from this configuration, plain or .gz"},
    {.name = "prog",
     .letter = '\0',
     .value = "GLOB",
     .help = "only programs whose names match; may be repeated",
     .repeat = Repeat::many},
    kTargetOption,
    {.name = "step",
     .letter = '\0',
     .value = "STEP",
     .help = "only one: elf, maps, relo, core, load or attach"},
    {.name = "all-variants",
     .letter = '\0',
     .value = "",
     .help = "where the object has several ways to one place, all of them, not only the one that "
             "`run` takes"},
    {.name = "all",
     .letter = '\0',
     .value = "",
     .help = "also the sections and symbols that loading does not need"},
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .help = "text, or json: one object per step on a line"},
};

// handle: one run of the command.
class Explain {
 public:
  explicit Explain(const Invocation& invocation)
      : arguments_(invocation.arguments), streams_(invocation.streams) {}

  int run();

 private:
  int failed(Phase phase, const Error& error, const loader::ObjectSpec* spec);
  int usage(std::unexpected<Error> failure) {
    return report_usage(failure.error(), &kExplainCommand, streams_);
  }
  loader::Selection select(const loader::ObjectSpec& spec) const;
  int tell(const Story& story);

  const Arguments& arguments_;
  Streams& streams_;
};

int Explain::failed(Phase phase, const Error& error, const loader::ObjectSpec* spec) {
  Facts facts = read_facts();
  facts.btf = arguments_.value("btf");
  const Report report = explain({.phase = phase,
                                 .error = error,
                                 .facts = facts,
                                 .object = arguments_.operands[0],
                                 .spec = spec});
  streams_.say(to_text(report, style_for(arguments_, streams_.err)));
  return static_cast<int>(report.exit);
}

// What `run` loads by itself, or what --prog names.
loader::Selection Explain::select(const loader::ObjectSpec& spec) const {
  const std::span<const std::string> globs = arguments_.values("prog");
  if (globs.empty()) return loader::autoload_programs(spec);
  loader::Selection selection;
  for (u32 i = 0; i < spec.programs.size(); i++)
    if (std::ranges::any_of(globs, [&](const std::string& glob) {
          return glob_matches(glob, spec.programs[i].name);
        }))
      selection.push_back(i);
  return selection;
}

int Explain::tell(const Story& story) {
  const Style style = style_for(arguments_, streams_.out);
  const bool json = arguments_.value("output") == "json";
  const std::size_t width = line_width(streams_.out.columns());
  u32 number = 1;
  for (const Chapter& chapter : explain_story(story, arguments_.value("step"))) {
    streams_.out.write(json ? to_json(chapter) : to_text(chapter, number, style, width));
    number++;
  }
  const std::optional<Error>& error = story.link_error ? story.link_error : story.plan_error;
  return error ? failed(Phase::link, *error, &story.spec) : 0;
}

int Explain::run() {
  const std::string& path = arguments_.operands[0];
  const Result<std::vector<std::byte>> file = read_file(path);
  if (!file) return failed(Phase::open, file.error(), nullptr);
  const Result<elf::Object> object = elf::Object::parse(*file);
  if (!object) return failed(Phase::parse, object.error(), nullptr);
  Result<loader::ObjectSpec> spec = loader::collect(*file, loader::object_name(path));
  if (!spec) return failed(Phase::parse, spec.error(), nullptr);
  loader::Selection selection = select(*spec);
  if (selection.empty() && arguments_.has("prog"))
    return usage(fail(Code::usage, "no program's name matches --prog {}",
                      escape_terminal(arguments_.values("prog").front())));
  const Status targets = apply_target_options(arguments_.values("target"), selection, *spec);
  if (!targets) return usage(std::unexpected(targets.error()));
  selection = loader::with_target_programs(*spec, selection);
  const Result<loader::KernelProfile> profile =
      capture_kernel(loader::needs(*spec, selection), arguments_);
  if (!profile && profile.error().code == Code::usage)
    return usage(std::unexpected(profile.error()));
  if (!profile) return failed(Phase::btf, profile.error(), nullptr);
  std::vector<WayTaken> ways;
  if (!arguments_.has("all-variants")) {
    std::vector<Variants> variants = find_variants(*spec, selection);
    ways = choose_ways(variants, *spec, *profile, selection);
  }
  Story story = make_story(path, *object, *spec, selection, *profile);
  story.ways = std::move(ways);
  story.all = arguments_.has("all");
  return tell(story);
}

}  // namespace

const CommandRow kExplainCommand = {
    .name = "explain",
    .operands = "OBJECT",
    .summary = "tell how an object would be loaded, step by step",
    .about =
        "Shows what is in the file, what the loader makes of it and why, which instructions it "
        "changes and how, and every request that it would make of the kernel. Nothing is loaded, "
        "and no privileges are needed; without them the numbers of tracepoints may be unreadable. "
        "When a step fails, the story goes on as far as it can.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 1,
};

int explain_command(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  const std::string_view output = arguments.value("output");
  if (!output.empty() && output != "text" && output != "json")
    return report_usage(
        fail(Code::usage, "-o takes text or json, not \"{}\"", escape_terminal(output)).error(),
        &kExplainCommand, invocation.streams);
  const std::string_view step = arguments.value("step");
  const std::vector<std::string_view> steps = explain_steps();
  if (!step.empty() && std::ranges::find(steps, step) == steps.end()) {
    std::unexpected<Error> failure =
        fail(Code::usage, "there is no step \"{}\"", escape_terminal(step));
    for (std::string_view name : steps)
      failure.error().detail += format("{}{}", failure.error().detail.empty() ? "" : ", ", name);
    return report_usage(failure.error(), &kExplainCommand, invocation.streams);
  }
  return Explain(invocation).run();
}

}  // namespace bpfld::cli
