// The addon door: every exported number function of gate.h as a JavaScript function, and the few that move bytes and text.
#define NAPI_VERSION 8
#include <node_api.h>
#include <string.h>

#include <utility>

#include "dispatch.h"
#include "gate.h"

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
  return exports;
}
