#!/usr/bin/env python3
"""Writes the wave table of the sample as C: integers only, the same on every machine.

    waves.py FILE

One period of each of 96 waves of 1024 samples: a sine and more and more of its harmonics, by the
recurrence of Chebyshev, s(n) = 2 cos(w) s(n-1) - s(n-2), in fixed point.
"""
import sys

SAMPLES = 1024
WAVES = 96
ONE = 1 << 60
# 2 cos(2 pi / 1024) and sin(2 pi / 1024) in units of 1 / ONE, from their Taylor series.
TWO_PI = 7244019458077122842  # 2 pi * 2**60, rounded


def sine_and_cosine(angle):
    """Taylor, with integers; the angle is small."""
    sine, cosine, term = 0, 0, ONE
    for n in range(12):
        if n % 2 == 0:
            cosine += term if n % 4 == 0 else -term
        else:
            sine += term if n % 4 == 1 else -term
        term = term * angle // ONE // (n + 1)
    return sine, cosine


def one_period():
    sine, cosine = sine_and_cosine(TWO_PI // SAMPLES)
    wave = [0, sine]
    while len(wave) < SAMPLES:
        wave.append(2 * cosine * wave[-1] // ONE - wave[-2])
    return wave


def waves():
    base = one_period()
    for harmonics in range(1, WAVES + 1):
        mixed = [sum(base[n * k % SAMPLES] // k for k in range(1, harmonics + 1))
                 for n in range(SAMPLES)]
        peak = max(abs(sample) for sample in mixed)
        yield [sample * 32767 // peak for sample in mixed]


def main():
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write('#include "tone.h"\n\n')
        out.write("const int16_t tone_waves[TONE_WAVES][TONE_SAMPLES] = {\n")
        for wave in waves():
            out.write("{" + ",".join(map(str, wave)) + "},\n")
        out.write("};\n")


if __name__ == "__main__":
    main()
