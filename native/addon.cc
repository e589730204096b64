// The addon door: every exported number function of gate.h as a JavaScript function, and the few that move bytes and text.
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdlib.h>
#include <string.h>

#include <utility>

#include "dispatch.h"
#include "gate.h"
#include "storage.h"

namespace {

template <size_t>
using Number = double;

template <auto F, size_t... I>
napi_value call(napi_env env, napi_callback_info info, std::index_sequence<I...>) {
  constexpr size_t N = sizeof...(I);
  napi_value args[N + 1];
  size_t count = N;
  double v[N + 1];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  bool ok = count >= N;
  for (size_t i = 0; ok && i < N; i++) ok = napi_get_value_double(env, args[i], &v[i]) == napi_ok;
  if (!ok) {
    napi_throw_type_error(env, nullptr, "a kernel got an argument that is no number");
    return nullptr;
  }
  napi_value result;
  napi_create_double(env, F(v[I]...), &result);
  return result;
}
template <auto F, size_t N>
napi_value wrap(napi_env env, napi_callback_info info) {
  return call<F>(env, info, std::make_index_sequence<N>());
}

// read(handle, byteOffset, array) and write(handle, byteOffset, array): true, or false with a text in error().
template <bool WRITE>
napi_value move(napi_env env, napi_callback_info info) {
  napi_value args[3];
  size_t count = 3;
  double handle, offset;
  napi_typedarray_type type;
  size_t length;
  void* data;
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  if (count < 3 || napi_get_value_double(env, args[0], &handle) != napi_ok || napi_get_value_double(env, args[1], &offset) != napi_ok ||
      napi_get_typedarray_info(env, args[2], &type, &length, &data, nullptr, nullptr) != napi_ok) {
    napi_throw_type_error(env, nullptr, "expected a handle, a byte offset and a typed array");
    return nullptr;
  }
  static const size_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  const size_t bytes = length * sizes[type];
  void* at = sh_address(handle, offset, (double)bytes);
  if (at && bytes > 0) {
    if (WRITE) memcpy(at, data, bytes);
    else memcpy(data, at, bytes);
  }
  napi_value result;
  napi_get_boolean(env, at != nullptr, &result);
  return result;
}

napi_value text(napi_env env, const char* s) {
  napi_value result;
  if (s) napi_create_string_utf8(env, s, NAPI_AUTO_LENGTH, &result);
  else napi_get_null(env, &result);
  return result;
}
napi_value error(napi_env env, napi_callback_info) { return text(env, sh_error()); }
napi_value isa(napi_env env, napi_callback_info) { return text(env, sh_isa()); }
napi_value missing(napi_env env, napi_callback_info) { return text(env, shoshin::missing_choice()); }

// Names of the instruction sets that can run here, best first.
napi_value isas(napi_env env, napi_callback_info) {
  napi_value list;
  napi_create_array(env, &list);
  for (int i = 0; shoshin::available(i); i++) napi_set_element(env, list, (uint32_t)i, text(env, shoshin::available(i)->name));
  return list;
}
napi_value choose(napi_env env, napi_callback_info info) {
  napi_value arg, result;
  size_t count = 1, length;
  char name[32];
  napi_get_cb_info(env, info, &count, &arg, nullptr, nullptr);
  const bool ok = count == 1 && napi_get_value_string_utf8(env, arg, name, sizeof name, &length) == napi_ok && shoshin::choose(name);
  napi_get_boolean(env, ok, &result);
  return result;
}
// The parameter block as a Float64Array over native memory; one for each JavaScript thread.
napi_value params(napi_env env, napi_callback_info) {
  napi_value buffer, array;
  if (napi_create_external_arraybuffer(env, sh_params(), SH_PARAMS * 8, nullptr, nullptr, &buffer) != napi_ok) return nullptr;
  napi_create_typedarray(env, napi_float64_array, SH_PARAMS, buffer, 0, &array);
  return array;
}

// Weak references of one JavaScript thread. A collection empties them at once, also while a job runs, when neither WeakRef nor
// FinalizationRegistry tells anything. A token is the place of one.
struct Watched {
  napi_ref* refs = nullptr;
  int32_t* open = nullptr;  // places that are free again
  int32_t size = 0, used = 1, free = 0;

  int32_t place() {
    if (free > 0) return open[--free];
    if (used == size || size == 0) {
      const int32_t more = size == 0 ? 1024 : size * 2;
      void* a = realloc(refs, sizeof(napi_ref) * (size_t)more);
      if (a) refs = (napi_ref*)a;
      void* b = realloc(open, sizeof(int32_t) * (size_t)more);
      if (b) open = (int32_t*)b;
      if (!a || !b) return 0;
      size = more;
    }
    return used++;
  }
  void forget(napi_env env, int32_t token) {
    napi_delete_reference(env, refs[token]);
    refs[token] = nullptr;
    open[free++] = token;
  }
};
Watched* watched(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return (Watched*)data;
}

// watch(object): a token, or 0 without memory.
napi_value watch(napi_env env, napi_callback_info info) {
  napi_value object, result;
  size_t count = 1;
  Watched* w = watched(env);
  napi_get_cb_info(env, info, &count, &object, nullptr, nullptr);
  int32_t token = w->place();
  if (token != 0 && napi_create_reference(env, object, 0, &w->refs[token]) != napi_ok) {
    w->refs[token] = nullptr;
    w->open[w->free++] = token;
    token = 0;
  }
  napi_create_int32(env, token, &result);
  return result;
}
// unwatch(token)
napi_value unwatch(napi_env env, napi_callback_info info) {
  napi_value arg;
  size_t count = 1;
  int32_t token = 0;
  Watched* w = watched(env);
  napi_get_cb_info(env, info, &count, &arg, nullptr, nullptr);
  if (napi_get_value_int32(env, arg, &token) == napi_ok && token > 0 && token < w->used && w->refs[token]) w->forget(env, token);
  return nullptr;
}
// dead(Int32Array): fills it with the tokens of objects that a collection has found unreachable; how many.
napi_value dead(napi_env env, napi_callback_info info) {
  napi_value arg, result;
  size_t count = 1, room = 0;
  napi_typedarray_type type = napi_int8_array;
  void* data = nullptr;
  Watched* w = watched(env);
  napi_get_cb_info(env, info, &count, &arg, nullptr, nullptr);
  napi_get_typedarray_info(env, arg, &type, &room, &data, nullptr, nullptr);
  size_t found = 0;
  if (type == napi_int32_array) {
    for (int32_t i = 1; i < w->used && found < room;) {
      // The answers are handles that live until the scope closes.
      napi_handle_scope scope;
      napi_open_handle_scope(env, &scope);
      for (const int32_t end = i + 4096; i < end && i < w->used && found < room; i++) {
        napi_value object = nullptr;
        if (!w->refs[i] || napi_get_reference_value(env, w->refs[i], &object) != napi_ok || object) continue;
        w->forget(env, i);
        ((int32_t*)data)[found++] = i;
      }
      napi_close_handle_scope(env, scope);
    }
  }
  napi_create_uint32(env, (uint32_t)found, &result);
  return result;
}

// A thread that ends gives back what it made.
void ended(void* keeper) { shoshin::storage_abandon((int)(intptr_t)keeper); }
void drop(napi_env, void* data, void*) {
  Watched* w = (Watched*)data;
  free(w->refs);
  free(w->open);
  delete w;
}
void keep(napi_env env) {
  static int keepers = 0;
  const int keeper = __atomic_add_fetch(&keepers, 1, __ATOMIC_RELAXED);
  shoshin::storage_keeper(keeper);
  napi_add_env_cleanup_hook(env, ended, (void*)(intptr_t)keeper);
  napi_set_instance_data(env, new Watched, drop, nullptr);
}

void add(napi_env env, napi_value exports, const char* name, napi_callback f) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, f, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

NAPI_MODULE_INIT() {
#define EXPORT(name, n) add(env, exports, #name, wrap<sh_##name, n>);
  SHOSHIN_EXPORTS(EXPORT)
#undef EXPORT
  add(env, exports, "read", move<false>);
  add(env, exports, "write", move<true>);
  add(env, exports, "error", error);
  add(env, exports, "isa", isa);
  add(env, exports, "isas", isas);
  add(env, exports, "choose", choose);
  add(env, exports, "missing", missing);
  add(env, exports, "params", params);
  keep(env);
  add(env, exports, "watch", watch);
  add(env, exports, "unwatch", unwatch);
  add(env, exports, "dead", dead);
  return exports;
}
