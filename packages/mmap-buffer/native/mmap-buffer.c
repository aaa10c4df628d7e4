/*
 * Shows a file as an ArrayBuffer: map and release. Node-API version 8, no state of its own, so it can be loaded
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
  napi_throw_error(env, error == ENOMEM ? "ENOMEM" : error == EBADF ? "EBADF" : "EIO", strerror(error));
  return NULL;
}

/*
 * map(fd, length): ArrayBuffer over the first `length` bytes of the file, which must be exactly that long.
 * Writes into it stay private to it, so that they need no disk space and cannot fail.
 */
static napi_value map(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  size_t argc = 2;
  int32_t fd;
  int64_t length_value;
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok) return NULL;
  if (argc < 2 || napi_get_value_int32(env, argv[0], &fd) != napi_ok || fd < 0 ||
      napi_get_value_int64(env, argv[1], &length_value) != napi_ok || length_value <= 0) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "map takes a descriptor and a length over 0");
    return NULL;
  }
  size_t length = (size_t)length_value;
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

NAPI_MODULE_INIT() {
  napi_property_descriptor functions[] = {
      {"map", NULL, map, NULL, NULL, NULL, napi_enumerable, NULL},
      {"release", NULL, release, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  if (napi_define_properties(env, exports, 2, functions) != napi_ok) return NULL;
  return exports;
}
