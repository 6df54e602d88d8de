// See asserted.h. A violated assertion prints a line and stops; the first line is kept, and the simulation goes on until who drives it looks.
#include "asserted.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string>
#include "verilated.h"

namespace {

thread_local std::string said, violation;

}  // namespace

int verilated_says(const char* format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    said += text;
    return length;
}

void vl_stop(const char* file, int line, const char*) {
    if (violation.empty()) violation = said.empty() ? std::string(file) + ":" + std::to_string(line) : said;
    said.clear();
}

void vl_fatal(const char* file, int line, const char*, const char* message) {
    std::fprintf(stderr, "%s%s:%d: %s\n", said.c_str(), file, line, message);
    std::abort();
}

extern "C" {

bool rtl_is_violated() { return !violation.empty(); }

const char* rtl_violation() { return violation.c_str(); }

void rtl_forget() {
    said.clear();
    violation.clear();
}
}
