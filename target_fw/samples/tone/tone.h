// A sample for boards whose program lies in external flash: it plays a chord into a buffer. It
// touches no peripheral, so it runs on every Cortex-M7 that has this memory.
#pragma once

#include <stdint.h>

#define TONE_WAVES 96
#define TONE_SAMPLES 1024
#define TONE_VOICES 3
#define TONE_BUFFER 256

// Made by waves.py: one period of each wave.
extern const int16_t tone_waves[TONE_WAVES][TONE_SAMPLES];

// The next TONE_BUFFER samples; `seconds` selects the wave, which grows richer.
void tone_play(int16_t* buffer, uint32_t seconds);
