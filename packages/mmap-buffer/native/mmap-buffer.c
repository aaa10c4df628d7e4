/*
 * Shows a file as an ArrayBuffer: map, release, reserve. Node-API version 8, no state of its own, so it can be loaded
 * by any number of worker threads.
 *
 * A mapping has two holders: the backing store, which V8 frees after the buffer was detached or collected, and the
 * ArrayBuffer object, which pending I/O keeps alive. The addresses are given back when both are gone. `release` takes
 * the file away at once, but leaves empty memory at its place until then, so that a read that is still under way in
 * another thread meets zeros and not a hole.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

typedef struct {
  void *address;
  size_t length;
  int holders;
} Mapping;

static void let_go(napi_env env, void *data, void *hint) {
  Mapping *mapping = hint;
  (void)env;
  (void)data;
  if (--mapping->holders > 0) return;
  munmap(mapping->address, mapping->length);
  free(mapping);
}

static void on_object_collected(napi_env env, void *data, void *hint) {
  (void)hint;
  let_go(env, NULL, data);
}

static napi_value throw_errno(napi_env env, int error) {
  const char *code = error == ENOSPC   ? "ENOSPC"
                     : error == EDQUOT ? "EDQUOT"
                     : error == EFBIG  ? "EFBIG"
                     : error == ENOMEM ? "ENOMEM"
                     : error == EBADF  ? "EBADF"
                     : error == ENODEV ? "ENODEV"
                                       : "EIO";
  napi_throw_error(env, code, strerror(error));
  return NULL;
}

/* Reads `count` integers from the arguments; throws a TypeError and gives 0 when they are not. */
static int read_integers(napi_env env, napi_callback_info info, size_t count, int64_t *out) {
  napi_value argv[3];
  size_t argc = 3;
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok) return 0;
  for (size_t i = 0; i < count; i++) {
    if (i >= argc || napi_get_value_int64(env, argv[i], &out[i]) != napi_ok || out[i] < 0) {
      napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "expected non-negative integers");
      return 0;
    }
  }
  return 1;
}

/*
 * map(fd, length): ArrayBuffer over the first `length` bytes of the file, which must be exactly that long.
 * Writes into it stay private to it, so that they need no disk space and cannot fail.
 */
static napi_value map(napi_env env, napi_callback_info info) {
  int64_t args[2];
  if (!read_integers(env, info, 2, args)) return NULL;
  int fd = (int)args[0];
  size_t length = (size_t)args[1];
  void *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
  if (address == MAP_FAILED) return throw_errno(env, errno);
  if (lseek(fd, 0, SEEK_END) != (off_t)length) {
    munmap(address, length);
    napi_throw_error(env, "ESTALE", "the file does not have the expected length");
    return NULL;
  }
  Mapping *mapping = malloc(sizeof(Mapping));
  if (mapping == NULL) {
    munmap(address, length);
    return throw_errno(env, ENOMEM);
  }
  *mapping = (Mapping){address, length, 1};
  napi_value buffer;
  if (napi_create_external_arraybuffer(env, address, length, let_go, mapping, &buffer) != napi_ok) {
    munmap(address, length);
    free(mapping);
    napi_throw_error(env, "ENOTSUP", "this runtime allows no external ArrayBuffers");
    return NULL;
  }
  mapping->holders = 2;
  if (napi_wrap(env, buffer, mapping, on_object_collected, NULL, NULL) != napi_ok) mapping->holders = 1;
  return buffer;
}

/* release(buffer): detaches what `map` gave and frees the file; anything else, and a second call, does nothing. */
static napi_value release(napi_env env, napi_callback_info info) {
  napi_value buffer;
  size_t argc = 1;
  void *data = NULL;
  void *wrapped = NULL;
  size_t length = 0;
  if (napi_get_cb_info(env, info, &argc, &buffer, NULL, NULL) != napi_ok || argc < 1) return NULL;
  if (napi_get_arraybuffer_info(env, buffer, &data, &length) != napi_ok || data == NULL) return NULL;
  if (napi_unwrap(env, buffer, &wrapped) != napi_ok) return NULL;
  Mapping *mapping = wrapped;
  if (mapping->address != data || napi_detach_arraybuffer(env, buffer) != napi_ok) return NULL;
  mmap(data, mapping->length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  return NULL;
}

/*
 * reserve(fd, offset, length): takes disk space for that range without changing the file's length. Does nothing where
 * the file system cannot promise: there the write itself says that the disk is full.
 */
static napi_value reserve(napi_env env, napi_callback_info info) {
  int64_t args[3];
  if (!read_integers(env, info, 3, args)) return NULL;
#ifdef __linux__
  int result;
  do {
    result = fallocate((int)args[0], FALLOC_FL_KEEP_SIZE, (off_t)args[1], (off_t)args[2]);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS) return throw_errno(env, errno);
#endif
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_property_descriptor functions[] = {
      {"map", NULL, map, NULL, NULL, NULL, napi_enumerable, NULL},
      {"release", NULL, release, NULL, NULL, NULL, napi_enumerable, NULL},
      {"reserve", NULL, reserve, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  if (napi_define_properties(env, exports, 3, functions) != napi_ok) return NULL;
  return exports;
}
