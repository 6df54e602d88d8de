// What the verilated modules say, kept instead of printed; and whether an assertion of theirs was violated. Of the calling thread.
// GXX_FLAGS of verilator.py has Verilator's run time print here; this header goes before each of its files.
#pragma once

int verilated_says(const char* format, ...);

extern "C" {
bool rtl_is_violated();       // an assertion since rtl_forget()
const char* rtl_violation();  // its line, as Verilator words it; "" if none
void rtl_forget();
}
