// From reset to main, without a C library.
#include <stdint.h>

#include "tone.h"

extern uint32_t stack_top;
extern const uint32_t data_source;
extern uint32_t data_begin, data_end, bss_begin, bss_end;

// Where a debugger, or a DMA channel of a board, finds the sound.
int16_t tone_buffer[2][TONE_BUFFER];

static void play(void) {
  // 48000 / 256 buffers make a second.
  const uint32_t buffers_per_second = 188;
  for (uint32_t n = 0;; ++n) tone_play(tone_buffer[n % 2], n / buffers_per_second);
}

void start_reset(void);

void start_reset(void) {
  const uint32_t* source = &data_source;
  for (uint32_t* to = &data_begin; to < &data_end;) *to++ = *source++;
  for (uint32_t* to = &bss_begin; to < &bss_end;) *to++ = 0;
  play();
}

static void stop(void) {
  for (;;) {
  }
}

typedef void (*vector)(void);

// ARMv7-M, B1.5.3: the stack's top, reset, NMI, four faults; then what this sample never enables.
__attribute__((section(".vectors"), used)) static const struct {
  uint32_t* stack;
  vector handlers[15];
} vectors = {&stack_top, {start_reset, stop, stop, stop, stop, stop}};
