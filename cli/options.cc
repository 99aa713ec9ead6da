// SPDX-License-Identifier: Apache-2.0
// The only user of Boost.Program_options; its exceptions end here. See options.h.
#include "cli/options.h"

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>

#include "base/escape.h"
#include "base/near.h"
#include "cli/style.h"

namespace bpfld::cli {
namespace {

namespace po = boost::program_options;

// clang-format off
constexpr std::array<OptionRow, 2> kCommonOptions = {{
    {"color", '\0', "WHEN", "colours: auto (on a terminal), always or never",              Repeat::once},
    {"help",  'h',  "",     "show this text",                                              Repeat::once},
}};
// clang-format on

// Everything that Boost offers but guessing at abbreviations.
constexpr int kStyle =
    po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
    po::command_line_style::long_allow_next | po::command_line_style::allow_short |
    po::command_line_style::allow_dash_for_short | po::command_line_style::short_allow_adjacent |
    po::command_line_style::short_allow_next | po::command_line_style::allow_sticky;

std::vector<OptionRow> all_options(const CommandRow& command) {
  std::vector<OptionRow> rows(command.options.begin(), command.options.end());
  rows.insert(rows.end(), kCommonOptions.begin(), kCommonOptions.end());
  return rows;
}

po::options_description describe(const std::vector<OptionRow>& rows) {
  po::options_description description;
  for (const OptionRow& row : rows) {
    std::string names(row.name);
    if (row.letter != '\0') names += std::string(",") + row.letter;
    if (row.value.empty())
      description.add_options()(names.c_str(), "");
    else
      description.add_options()(names.c_str(), po::value<std::string>(), "");
  }
  return description;
}

std::unexpected<Error> unknown(std::string option, const std::vector<OptionRow>& rows) {
  option = option.substr(0, option.find('='));
  std::unexpected<Error> failure =
      fail(Code::usage, "there is no option {}", escape_terminal(option));
  std::string_view name = option;
  while (name.starts_with('-'))
    name.remove_prefix(1);
  std::vector<std::string_view> names;
  for (const OptionRow& row : rows)
    names.push_back(row.name);
  std::vector<std::string_view> near = nearest(name, names, 3);
  for (const OptionRow& row : rows)  // what an abbreviation would have stood for
    if (near.empty() && name.size() >= 3 && row.name.starts_with(name)) near.push_back(row.name);
  for (std::string_view other : near)
    failure.error().detail += format("{}--{}", failure.error().detail.empty() ? "" : ", ", other);
  return failure;
}

std::unexpected<Error> syntax_error(const po::invalid_command_line_syntax& error) {
  using enum po::invalid_syntax::kind_t;
  const std::string option = escape_terminal(error.get_option_name());
  if (error.kind() == missing_parameter || error.kind() == empty_adjacent_parameter)
    return fail(Code::usage, "option {} needs a value", option);
  if (error.kind() == extra_parameter) return fail(Code::usage, "option {} takes no value", option);
  return fail(Code::usage, "{}", escape_terminal(error.what()));
}

Status check_operands(const CommandRow& command, const Arguments& arguments) {
  const std::size_t count = arguments.operands.size();
  if (arguments.has("help")) return {};
  if (count < command.min_operands)
    return fail(Code::usage, "{} needs {}", command.name, command.operands);
  if (count > command.max_operands)
    return fail(Code::usage, "\"{}\" is one operand too many",
                escape_terminal(arguments.operands[command.max_operands]));
  if (arguments.has_command && !command.takes_command)
    return fail(Code::usage, "{} takes no command after --", command.name);
  if (arguments.has_command && arguments.command.empty())
    return fail(Code::usage, "there is no command after --");
  return {};
}

}  // namespace

std::span<const OptionRow> common_options() {
  return kCommonOptions;
}

bool Arguments::has(std::string_view option) const {
  return options_.find(option) != options_.end();
}

std::string_view Arguments::value(std::string_view option) const {
  const auto found = options_.find(option);
  return found == options_.end() || found->second.empty() ? std::string_view()
                                                          : found->second.back();
}

std::span<const std::string> Arguments::values(std::string_view option) const {
  const auto found = options_.find(option);
  if (found == options_.end()) return {};
  return found->second;
}

Result<Arguments> parse_arguments(const CommandRow& command, std::span<const std::string> words) {
  Arguments out;
  const auto dashes = std::ranges::find(words, "--");
  out.has_command = dashes != words.end();
  if (out.has_command) out.command.assign(dashes + 1, words.end());
  const std::vector<std::string> own(words.begin(), dashes);
  const std::vector<OptionRow> rows = all_options(command);
  const po::options_description description = describe(rows);
  try {
    const po::parsed_options parsed =
        po::command_line_parser(own).options(description).style(kStyle).run();
    for (const po::option& option : parsed.options) {
      if (option.string_key.empty()) {
        out.operands.insert(out.operands.end(), option.value.begin(), option.value.end());
        continue;
      }
      const auto row = std::ranges::find(rows, option.string_key, &OptionRow::name);
      std::vector<std::string>& values = out.options_[option.string_key];
      if (!values.empty() && row != rows.end() && row->repeat == Repeat::once)
        return fail(Code::usage, "option --{} is given twice", option.string_key);
      values.insert(values.end(), option.value.begin(), option.value.end());
    }
  } catch (const po::unknown_option& error) {
    return unknown(error.get_option_name(), rows);
  } catch (const po::invalid_command_line_syntax& error) {
    return syntax_error(error);
  } catch (const po::error& error) {
    return fail(Code::usage, "{}", escape_terminal(error.what()));
  }
  TRY(check_operands(command, out));
  return out;
}

std::string help_of(const CommandRow& command) {
  std::string out = format("bpfld {}: {}\n\n", command.name, command.summary);
  const std::string usage = format("usage: bpfld {} ", command.name);
  out += wrap(format("{}[OPTION...] {}", usage, command.operands), usage.size()) + "\n";
  if (!command.about.empty()) out += format("\n{}\n", wrap(command.about, 0));
  const std::vector<OptionRow> rows = all_options(command);
  std::vector<std::string> left;
  std::size_t width = 0;
  for (const OptionRow& row : rows) {
    std::string text = row.letter != '\0' ? format("-{}, --{}", row.letter, row.name)
                                          : format("    --{}", row.name);
    if (!row.value.empty()) text += format(" {}", row.value);
    width = std::max(width, text.size());
    left.push_back(std::move(text));
  }
  out += "\noptions:\n";
  for (std::size_t i = 0; i < rows.size(); i++)
    out += format("  {}  {}\n", pad(left[i], width), wrap(rows[i].help, width + 4));
  return out;
}

}  // namespace bpfld::cli
