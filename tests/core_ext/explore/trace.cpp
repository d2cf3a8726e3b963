// What an execution did, in words.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "explore/execution.hpp"
#include "explore/symbols.hpp"

namespace explore {

const char* word_of(int order) {
  constexpr const char* kWords[] = {"relaxed", "consume", "acquire",
                                    "release", "acq_rel", "seq_cst"};
  return order < 0 ? "nothing" : kWords[order];
}

std::string function_at(std::uintptr_t call) {
  static const Symbols symbols;
  std::string name = symbols.at(call - 1);
  // Only the name: neither arguments nor namespaces are needed to find it.
  for (std::string drop : {"gateway::", "journal::", "(anonymous namespace)::", "unsigned "}) {
    for (std::size_t at; (at = name.find(drop)) != std::string::npos;) name.erase(at, drop.size());
  }
  const std::size_t open = name.find('(');
  if (open != std::string::npos) name.resize(open);
  if (std::count(name.begin(), name.end(), '<') != std::count(name.begin(), name.end(), '>')) {
    name.resize(name.find('<'));  // of a template over a lambda the name alone is kept
  }
  const std::size_t space = name.rfind(' ');
  if (space != std::string::npos && name.find('<') > space) name.erase(0, space + 1);
  return name;
}

std::string place(std::uintptr_t address) {
  for (const Name& name : machine().names) {
    if (address - name.from >= name.bytes) continue;
    const std::uintptr_t offset = address - name.from;
    return offset == 0 ? name.text : name.text + "+" + std::to_string(offset);
  }
  char text[32];
  std::snprintf(text, sizeof text, "%#zx", static_cast<std::size_t>(address));
  return text;
}

std::string trace() {
  Machine& m = machine();
  std::string text;
  for (const Step& step : m.steps) {
    const std::string& who =
        step.thread == 0 ? "end" : m.roles[static_cast<std::size_t>(step.thread - 1)].name;
    char line[400];
    if (!step.text.empty()) {
      std::snprintf(line, sizeof line, "  %-10s %s\n", who.c_str(), step.text.c_str());
    } else {
      const Site& site = m.sites[step.site];
      const std::string where = step.location < 0 ? "" : place(m.model.at(step.location).address);
      char value[80] = "";
      if (step.kind == Kind::kLoad || (step.kind == Kind::kCompare && !step.is_done)) {
        const int newest = m.model.at(step.location).count - 1;
        std::snprintf(value, sizeof value, " -> %llu (store %d of %d)",
                      static_cast<unsigned long long>(step.value), step.read, newest);
      } else if (step.kind != Kind::kFence) {
        std::snprintf(value, sizeof value, " = %llu", static_cast<unsigned long long>(step.value));
      }
      std::snprintf(line, sizeof line, "  %-10s %s: %s %s%s%s%s\n", who.c_str(),
                    site.function.c_str(), site.what.c_str(), where.c_str(), value,
                    step.order != site.order ? " as " : "",
                    step.order != site.order ? word_of(step.order) : "");
    }
    text += line;
  }
  return text + "  choices:" + [&] {
    std::string choices;
    for (const Choice& choice : m.path) choices += " " + std::to_string(choice.chosen);
    return choices;
  }() + "\n";
}

}  // namespace explore
