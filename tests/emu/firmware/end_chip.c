// In the emulator: whoever runs it stops here, and looks at the diary.
#include "firmware.h"

__attribute__((noinline)) void passed(void) {
  for (;;) __asm__ volatile(".global passed_here\npassed_here: nop");
}

__attribute__((noinline)) void failed(void) {
  for (;;) __asm__ volatile(".global failed_here\nfailed_here: nop");
}
