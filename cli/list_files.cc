// SPDX-License-Identifier: Apache-2.0
// `bpfld list uprobe:FILE:GLOB` and `bpfld list usdt:FILE:GLOB`: what programs can be attached to
// in a program or library.
#include <algorithm>

#include "base/escape.h"
#include "base/glob.h"
#include "cli/list_places.h"
#include "elf/demangle.h"
#include "elf/usdt.h"

namespace bpfld::cli {
namespace {

constexpr u64 kMaxProgram = u64{2} << 30;

// "./server:handle*": the file, and what of it.
void split_target(std::string_view text, std::string& path, std::string& glob) {
  // A glob of C++ names has "::", and so may the rest of USDT's provider:name; the path ends first.
  const std::size_t colon = text.find(':');
  path = text.substr(0, colon);
  glob = colon == std::string_view::npos ? "*" : text.substr(colon + 1);
  if (glob.empty()) glob = "*";
}

std::string function_text(const std::string& path, const elf::FunctionSymbol& function,
                          const ListRequest& request) {
  std::string out = "uprobe:";
  append_escaped(out, path);
  out += ':';
  append_escaped(out, function.name);
  out += '\n';
  if (!request.verbose) return out;
  const std::string plain = elf::demangle(function.name);
  if (!plain.empty()) out += "    " + escape_terminal(plain) + "\n";
  out += format("    SEC(\"uprobe/{}:{}\")  at {:#x} in the file, {} B{}{}\n",
                escape_terminal(path), escape_terminal(function.name), function.file_offset,
                function.size, function.weak ? ", weak" : "",
                function.indirect ? ", indirect: it only chooses which function is called" : "");
  return out;
}

std::string function_json(const std::string& path, const elf::FunctionSymbol& function) {
  std::string out = format("{{\"kind\":\"uprobe\",\"file\":{},\"name\":{}", json_string(path),
                           json_string(function.name));
  const std::string plain = elf::demangle(function.name);
  if (!plain.empty()) out += ",\"demangled\":" + json_string(plain);
  return out + format(",\"address\":{},\"offset\":{},\"size\":{}}}\n", function.address,
                      function.file_offset, function.size);
}

// "-4@%eax" -> "i32 %eax".
std::string argument_text(const elf::UsdtArgument& argument) {
  if (argument.size == 0) return "? " + escape_terminal(argument.place);
  const char kind = argument.is_float ? 'f' : argument.is_signed ? 'i' : 'u';
  return format("{}{} {}", kind, u64{argument.size} * 8, escape_terminal(argument.place));
}

std::string probe_text(const std::string& path, const elf::UsdtProbe& probe,
                       const ListRequest& request) {
  const std::string name = format("{}:{}:{}", escape_terminal(path),
                                  escape_terminal(probe.provider), escape_terminal(probe.name));
  std::string out = "usdt:" + name + "\n";
  if (!request.verbose) return out;
  out += format("    SEC(\"usdt/{}\")  ", name);
  out += probe.file_offset ? format("at {:#x} in the file", *probe.file_offset)
                           : std::string("at no place in the file");
  if (probe.semaphore == 0)
    out += ", no semaphore\n";
  else
    out += probe.semaphore_offset ? format(", semaphore at {:#x}\n", *probe.semaphore_offset)
                                  : std::string(", semaphore outside the file\n");
  const std::vector<elf::UsdtArgument> arguments = elf::split_arguments(probe.arguments);
  for (std::size_t i = 0; i < arguments.size(); i++)
    out += format("{}arg{} {}", i == 0 ? "    " : "  ", i, argument_text(arguments[i]));
  return arguments.empty() ? out + "    no arguments\n" : out + "\n";
}

std::string probe_json(const std::string& path, const elf::UsdtProbe& probe) {
  std::string arguments;
  for (const elf::UsdtArgument& argument : elf::split_arguments(probe.arguments))
    arguments += format("{}{{\"size\":{},\"signed\":{},\"float\":{},\"place\":{}}}",
                        arguments.empty() ? "" : ",", argument.size, argument.is_signed,
                        argument.is_float, json_string(argument.place));
  std::string out = format("{{\"kind\":\"usdt\",\"file\":{},\"provider\":{},\"name\":{}",
                           json_string(path), json_string(probe.provider), json_string(probe.name));
  if (probe.file_offset) out += format(",\"offset\":{}", *probe.file_offset);
  if (probe.semaphore_offset) out += format(",\"semaphore\":{}", *probe.semaphore_offset);
  return out + format(",\"arguments\":[{}]}}\n", arguments);
}

Result<u64> list_functions(const elf::Executable& executable, const std::string& path,
                           Streams& streams, const ListRequest& request) {
  const std::vector<elf::FunctionSymbol> functions = TRY(executable.functions());
  if (functions.empty())
    return fail(Code::not_found, "it has no symbols of functions: it was stripped");
  u64 count = 0;
  for (const elf::FunctionSymbol& function : functions) {
    // `list uprobe:./server:'http::*'` looks at the names that people write.
    if (!glob_matches(request.glob, function.name) &&
        !glob_matches(request.glob, elf::demangle(function.name)))
      continue;
    streams.out.write(request.json ? function_json(path, function)
                                   : function_text(path, function, request));
    count++;
  }
  if (!request.quiet)
    streams.say(format("bpfld: {} of {} functions match (from its symbol tables)\n", count,
                       functions.size()));
  return count;
}

Result<u64> list_probes(const elf::Executable& executable, const std::string& path,
                        Streams& streams, const ListRequest& request) {
  const std::vector<elf::UsdtProbe> probes = TRY(elf::read_usdt(executable));
  if (probes.empty())
    return fail(Code::not_found,
                "it has no USDT probes (no .note.stapsdt section: it was built without sys/sdt.h)");
  u64 count = 0;
  for (const elf::UsdtProbe& probe : probes) {
    const std::string name = std::string(probe.provider) + ":" + std::string(probe.name);
    if (!glob_matches(request.glob, name) && !glob_matches(request.glob, probe.name)) continue;
    streams.out.write(request.json ? probe_json(path, probe) : probe_text(path, probe, request));
    count++;
  }
  if (!request.quiet)
    streams.say(
        format("bpfld: {} of {} probes match (from .note.stapsdt)\n", count, probes.size()));
  return count;
}

}  // namespace

Result<u64> list_file(std::string_view kind, std::string_view target, Streams& streams,
                      ListRequest request) {
  std::string path, glob;
  split_target(target, path, glob);
  request.glob = glob;
  const auto list = [&]() -> Result<u64> {
    const std::vector<std::byte> file = TRY(read_file(path, kMaxProgram));
    const elf::Executable executable = TRY(elf::Executable::parse(file));
    if (kind == "usdt") return list_probes(executable, path, streams, request);
    return list_functions(executable, path, streams, request);
  };
  return with_context(list(), [&] { return escape_terminal(path); });
}

}  // namespace bpfld::cli
