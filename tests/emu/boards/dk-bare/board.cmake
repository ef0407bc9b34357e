# What the build must know of the board.
set(BOARD_SOURCE board.c)
set(BOARD_CHIP stm32h7s7)
