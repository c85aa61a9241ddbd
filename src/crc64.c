// Copyright ros2_igtl contributors
// SPDX-License-Identifier: Apache-2.0
//
// ros2_igtl.codec._crc64: CRC-64/ECMA-182, by carry-less multiplication where the processor has
// it, and by tables otherwise. ros2_igtl/codec/crc.py chooses it; _crc64.pyi says what it offers.
//
// Bytes are polynomials over GF(2), the first bit the highest power of x; the CRC of m is m * x^64
// modulo P. Bytes before m, whose CRC is c, act as if c were XORed onto the first 64 bits of m.
// Source: Gopal et al. 2009, Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
// Instruction (Intel). All constants are made of the polynomial when the module is loaded.

#include <Python.h>

#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_FOLDING
#include <immintrin.h>
#endif

static const uint64_t POLYNOMIAL = 0x42F0E1EBA9EA3693;  // and x^64

// 128 bits each: enough to fill the time that one multiplication takes
enum { LANES = 8 };

// Others may run while more than this is worked on. To get the interpreter's lock back from a busy
// thread takes 5 ms (sys.getswitchinterval()); so much takes 0.6 ms of folding, 4 ms by tables.
static const Py_ssize_t LARGEST_WITH_LOCK = 8 << 20;

typedef struct State State;
typedef uint64_t Function(const State* state, const uint8_t* data, size_t size, uint64_t crc);

struct State {
  Function* fastest;
  uint64_t table[8][256];  // the CRC of a byte with 0 to 7 zeros behind it
  uint64_t next_block[2];  // what moves the halves of a block onto the block behind it
  uint64_t next_row[2];    // or onto the one LANES further on: the low half's first
};

static uint64_t times_x(uint64_t value) {
  return value << 1 ^ (value >> 63 ? POLYNOMIAL : 0);
}

static uint64_t power_of_x(int exponent) {
  uint64_t power = 1;
  while (exponent--) {
    power = times_x(power);
  }
  return power;
}

// Eight bytes a step: a table says what each leaves in its place.
static uint64_t by_tables(const State* state, const uint8_t* data, size_t size, uint64_t crc) {
  for (; size >= 8; size -= 8, data += 8) {
    uint64_t left = 0;
    for (int i = 0; i < 8; ++i) {
      left ^= state->table[7 - i][data[i] ^ (crc >> (56 - 8 * i) & 0xFF)];
    }
    crc = left;
  }
  for (; size; --size, ++data) {
    crc = crc << 8 ^ state->table[0][crc >> 56 ^ *data];
  }
  return crc;
}

#ifdef HAS_FOLDING

#define FOLDING __attribute__((target("pclmul,ssse3")))

FOLDING static __m128i load_block(const uint8_t* data) {
  const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i*)data), order);
}

// Return a block that, some blocks further on, leaves the same remainder as this one here.
FOLDING static __m128i moved(__m128i block, __m128i powers) {
  return _mm_xor_si128(
      _mm_clmulepi64_si128(block, powers, 0x00), _mm_clmulepi64_si128(block, powers, 0x11));
}

// Move row onto row, then block onto block; the last one goes through the tables with the rest.
FOLDING static uint64_t by_folding(
    const State* state, const uint8_t* data, size_t size, uint64_t crc) {
  const size_t row = 16 * LANES;
  if (size < row) {
    return by_tables(state, data, size, crc);
  }
  const __m128i next_block = _mm_loadu_si128((const __m128i*)state->next_block);
  const __m128i next_row = _mm_loadu_si128((const __m128i*)state->next_row);
  __m128i lanes[LANES];
  for (int i = 0; i < LANES; ++i) {
    lanes[i] = load_block(data + 16 * i);
  }
  lanes[0] = _mm_xor_si128(lanes[0], _mm_set_epi64x((long long)crc, 0));
  for (size -= row, data += row; size >= row; size -= row, data += row) {
    for (int i = 0; i < LANES; ++i) {
      lanes[i] = _mm_xor_si128(moved(lanes[i], next_row), load_block(data + 16 * i));
    }
  }
  __m128i block = lanes[0];
  for (int i = 1; i < LANES; ++i) {
    block = _mm_xor_si128(moved(block, next_block), lanes[i]);
  }
  for (; size >= 16; size -= 16, data += 16) {
    block = _mm_xor_si128(moved(block, next_block), load_block(data));
  }
  uint8_t last[16];
  _mm_storeu_si128((__m128i*)last, load_block((const uint8_t*)&block));
  return by_tables(state, data, size, by_tables(state, last, sizeof last, 0));
}

#endif

static PyObject* call(
    Function* function, const State* state, PyObject* const* arguments, Py_ssize_t count) {
  if (count < 1 || count > 2) {
    return PyErr_Format(PyExc_TypeError, "takes data and initial, got %zd arguments", count);
  }
  uint64_t crc = count == 2 ? PyLong_AsUnsignedLongLong(arguments[1]) : 0;
  Py_buffer view;
  if (PyErr_Occurred() || PyObject_GetBuffer(arguments[0], &view, PyBUF_SIMPLE)) {
    return NULL;
  }
  PyThreadState* thread = view.len > LARGEST_WITH_LOCK ? PyEval_SaveThread() : NULL;
  crc = function(state, view.buf, (size_t)view.len, crc);
  if (thread) {
    PyEval_RestoreThread(thread);
  }
  PyBuffer_Release(&view);
  return PyLong_FromUnsignedLongLong(crc);
}

static PyObject* crc64(PyObject* module, PyObject* const* arguments, Py_ssize_t count) {
  const State* state = PyModule_GetState(module);
  return call(state->fastest, state, arguments, count);
}

static PyObject* tables(PyObject* module, PyObject* const* arguments, Py_ssize_t count) {
  return call(by_tables, PyModule_GetState(module), arguments, count);
}

static int set_up(PyObject* module) {
  State* state = PyModule_GetState(module);
  for (int byte = 0; byte < 256; ++byte) {
    uint64_t crc = (uint64_t)byte << 56;
    for (int zeros = 0; zeros < 8; ++zeros) {
      for (int bit = 0; bit < 8; ++bit) {
        crc = times_x(crc);
      }
      state->table[zeros][byte] = crc;
    }
  }
  for (int half = 0; half < 2; ++half) {
    state->next_block[half] = power_of_x(128 + 64 * half);
    state->next_row[half] = power_of_x(128 * LANES + 64 * half);
  }
  state->fastest = by_tables;
#ifdef HAS_FOLDING
  if (__builtin_cpu_supports("pclmul") && __builtin_cpu_supports("ssse3")) {
    state->fastest = by_folding;
  }
#endif
  PyObject* folds = state->fastest == by_tables ? Py_False : Py_True;
  return PyModule_AddObjectRef(module, "FOLDS", folds);
}

static PyMethodDef methods[] = {
    {"crc64", (PyCFunction)(void (*)(void))crc64, METH_FASTCALL, NULL},
    {"tables", (PyCFunction)(void (*)(void))tables, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, set_up},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_crc64",
    .m_size = sizeof(State),
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__crc64(void) {
  return PyModuleDef_Init(&definition);
}
