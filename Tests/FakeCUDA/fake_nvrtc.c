// A stand-in for NVRTC: compiles CUDA C++ for the CPU with clang and the host shim. The image is a shared library.
//
// EMBER_FAKE_CUDA_SHIM names the shim; EMBER_FAKE_CUDA_CLANG the compiler (`clang++`). EMBER_REAL_NVRTC names the real library: then every
// kernel must also compile there, for Ampere and for Hopper.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct program {
  char *source, *log, *image, *name;
  size_t image_bytes;
  int headers;
  char **header_texts, **header_names;
};

int nvrtcVersion(int *major, int *minor) {
  *major = 13;
  *minor = 0;
  return 0;
}
const char *nvrtcGetErrorString(int result) { return result ? "NVRTC_ERROR_COMPILATION (fake)" : "NVRTC_SUCCESS"; }

static char **copies(int count, const char *const *texts) {
  char **result = calloc((size_t)count + 1, sizeof *result);
  for (int i = 0; i < count; i++) result[i] = strdup(texts[i]);
  return result;
}

int nvrtcCreateProgram(struct program **p, const char *source, const char *name, int headers, const char *const *texts, const char *const *names) {
  (void)name;
  *p = calloc(1, sizeof **p);
  (*p)->source = strdup(source);
  (*p)->log = strdup("");
  (*p)->headers = headers;
  (*p)->header_texts = copies(headers, texts);
  (*p)->header_names = copies(headers, names);
  return 0;
}

int nvrtcDestroyProgram(struct program **p) {
  if (!*p) return 0;
  for (int i = 0; i < (*p)->headers; i++) free((*p)->header_texts[i]), free((*p)->header_names[i]);
  free((*p)->header_texts);
  free((*p)->header_names);
  free((*p)->source);
  free((*p)->log);
  free((*p)->image);
  free((*p)->name);
  free(*p);
  *p = NULL;
  return 0;
}

int nvrtcAddNameExpression(struct program *p, const char *expression) {
  p->name = strdup(expression);
  return 0;
}
int nvrtcGetLoweredName(struct program *p, const char *expression, const char **name) {
  (void)expression;
  *name = "ember_kernel";
  return p->name ? 0 : 10;
}

static char *contents(const char *path, size_t *bytes) {
  *bytes = 0;
  FILE *file = fopen(path, "rb");
  if (!file) return strdup("");
  fseek(file, 0, SEEK_END);
  const long size = ftell(file);
  rewind(file);
  char *text = calloc(1, (size_t)size + 1);
  *bytes = fread(text, 1, (size_t)size, file);
  fclose(file);
  return text;
}

static void write_header(const char *folder, const char *name, const char *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  char *slash = strrchr(path, '/');
  *slash = 0;
  mkdir(path, 0700);
  *slash = '/';
  FILE *file = fopen(path, "w");
  if (!file) return;
  fputs(text, file);
  fclose(file);
}

// Names a header of the system: the shim includes the real ones.
static int is_system(const char *name) {
  const char *names[] = {"math.h", "stddef.h", "stdint.h", "stdbool.h", "float.h"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(name, names[i])) return 1;
  return 0;
}

static int failed(struct program *p, const char *why) {
  free(p->log);
  p->log = strdup(why);
  return 6;
}

// What the real compiler says to a program, in the log if it refuses.
static int compile_for_real(struct program *p, int count, const char *const *options) {
  const char *path = getenv("EMBER_REAL_NVRTC");
  if (!path) return 0;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return failed(p, dlerror());
  int (*create)(void **, const char *, const char *, int, const char *const *, const char *const *);
  int (*destroy)(void **), (*compile)(void *, int, const char *const *), (*add_name)(void *, const char *);
  int (*log_size)(void *, size_t *), (*log)(void *, char *);
  *(void **)&create = dlsym(library, "nvrtcCreateProgram");
  *(void **)&destroy = dlsym(library, "nvrtcDestroyProgram");
  *(void **)&compile = dlsym(library, "nvrtcCompileProgram");
  *(void **)&add_name = dlsym(library, "nvrtcAddNameExpression");
  *(void **)&log_size = dlsym(library, "nvrtcGetProgramLogSize");
  *(void **)&log = dlsym(library, "nvrtcGetProgramLog");
  if (!create || !destroy || !compile || !add_name || !log_size || !log) return failed(p, "EMBER_REAL_NVRTC is no NVRTC");
  const char *architectures[] = {"--gpu-architecture=sm_80", "--gpu-architecture=sm_90a"};
  for (int i = 0; i < 2; i++) {
    const char *all[32];
    int n = 0;
    all[n++] = architectures[i];
    for (int k = 0; k < count && n < 32; k++)
      if (strncmp(options[k], "--gpu-architecture", 18)) all[n++] = options[k];
    void *program = NULL;
    int result = create(&program, p->source, "kernel.cu", p->headers, (const char *const *)p->header_texts, (const char *const *)p->header_names);
    if (result == 0) result = add_name(program, p->name);
    if (result == 0) result = compile(program, n, all);
    if (result) {
      size_t bytes = 0;
      log_size(program, &bytes);
      free(p->log);
      p->log = calloc(1, bytes + 1);
      log(program, p->log);
    }
    if (program) destroy(&program);
    if (result) return 6;
  }
  return 0;
}

int nvrtcCompileProgram(struct program *p, int count, const char *const *options) {
  const char *shim = getenv("EMBER_FAKE_CUDA_SHIM"), *clang = getenv("EMBER_FAKE_CUDA_CLANG");
  if (!shim) return 6;
  char folder[] = "/tmp/ember-fake-nvrtc-XXXXXX", path[512], command[2048];
  if (!mkdtemp(folder)) return 6;
  for (int i = 0; i < p->headers; i++)
    if (!is_system(p->header_names[i])) write_header(folder, p->header_names[i], p->header_texts[i]);
  snprintf(path, sizeof path, "%s/kernel.cpp", folder);
  FILE *file = fopen(path, "w");
  if (!file) return 6;
  fprintf(file, "#include \"%s\"\n%s\n", shim, p->source);
  fprintf(file, "extern \"C\" void ember_kernel(const unsigned *d, const void *a) { shim::invoke(%s, d, a); }\n", p->name);
  fclose(file);
  snprintf(command, sizeof command, "%s -std=c++17 -O1 -fno-math-errno -w -shared -fPIC -I%s -o %s/kernel.so %s 2>%s/log", clang ? clang : "clang++",
           folder, folder, path, folder);
  const int status = system(command);
  size_t bytes;
  free(p->log);
  snprintf(path, sizeof path, "%s/log", folder);
  p->log = contents(path, &bytes);
  snprintf(path, sizeof path, "%s/kernel.so", folder);
  char *library = contents(path, &bytes);
  p->image_bytes = bytes + 16;
  p->image = malloc(p->image_bytes);
  memcpy(p->image, "FAKECUDA", 8);
  const uint64_t size = bytes;
  memcpy(p->image + 8, &size, 8);
  memcpy(p->image + 16, library, bytes);
  free(library);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  if (system(command)) return 6;
  return status ? 6 : compile_for_real(p, count, options);
}

int nvrtcGetProgramLogSize(struct program *p, size_t *bytes) {
  *bytes = strlen(p->log) + 1;
  return 0;
}
int nvrtcGetProgramLog(struct program *p, char *text) {
  strcpy(text, p->log);
  return 0;
}
int nvrtcGetCUBINSize(struct program *p, size_t *bytes) {
  *bytes = p->image_bytes;
  return 0;
}
int nvrtcGetCUBIN(struct program *p, char *image) {
  memcpy(image, p->image, p->image_bytes);
  return 0;
}
