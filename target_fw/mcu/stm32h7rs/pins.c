#include "target_fw/mcu/stm32h7rs/pins.h"

#include "target_fw/mcu/reg.h"
#include "target_fw/mcu/stm32h7rs/registers.h"

enum { MODE_INPUT = 0, MODE_FUNCTION = 2, SPEED_VERY_HIGH = 3, PULL_UP = 1, PULL_DOWN = 2 };

/* What the pull needs, at most, to bring an open line to its level. */
#define PULL_LOOKS 2000u

static uint32_t open_port(char port) {
  const uint32_t number = (uint32_t)(port - 'A');
  reg_set(RCC_AHB4ENR, 1u << number);
  (void)reg_read(RCC_AHB4ENR); /* the clock is there two cycles after this */
  return GPIO_A + number * GPIO_STEP;
}

static void set_field(uint32_t address, uint32_t pin, uint32_t bits, uint32_t value) {
  const uint32_t mask = (1u << bits) - 1;
  reg_change(address, mask << pin * bits, value << pin * bits);
}

void pins_connect(const struct board_pins* pins) {
  if (pins->pins == 0) return;
  const uint32_t port = open_port(pins->port);
  for (uint32_t pin = 0; pin < 16; ++pin) {
    if ((pins->pins >> pin & 1) == 0) continue;
    set_field(port + GPIO_OSPEEDR, pin, 2, SPEED_VERY_HIGH);
    set_field(port + GPIO_PUPDR, pin, 2, 0);
    set_field(port + (pin < 8 ? GPIO_AFRL : GPIO_AFRH), pin % 8, 4, pins->function);
    set_field(port + GPIO_MODER, pin, 2, MODE_FUNCTION);
  }
}

bool pins_pressed(const struct board_button* button) {
  if (button->port == 0) return false;
  const uint32_t port = open_port(button->port);
  set_field(port + GPIO_PUPDR, button->pin, 2, button->pressed_high ? PULL_DOWN : PULL_UP);
  set_field(port + GPIO_MODER, button->pin, 2, MODE_INPUT);
  uint32_t high = 0;
  for (uint32_t i = 0; i < PULL_LOOKS; ++i) high = reg_read(port + GPIO_IDR) >> button->pin & 1;
  return (high != 0) == button->pressed_high;
}
