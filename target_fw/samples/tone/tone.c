#include "tone.h"

// Steps through a period in 16.16 fixed point at 48 kHz: 220, 277 and 330 Hz, A major.
static const uint32_t steps[TONE_VOICES] = {307582, 387272, 461373};
static uint32_t phases[TONE_VOICES];

void tone_play(int16_t* buffer, uint32_t seconds) {
  const int16_t* wave = tone_waves[seconds % TONE_WAVES];
  for (int i = 0; i < TONE_BUFFER; ++i) {
    int32_t sum = 0;
    for (int voice = 0; voice < TONE_VOICES; ++voice) {
      sum += wave[(phases[voice] >> 16) % TONE_SAMPLES];
      phases[voice] += steps[voice];
    }
    buffer[i] = (int16_t)(sum / TONE_VOICES);
  }
}
