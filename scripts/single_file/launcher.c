/* The program in the single-file executable: Python, linked statically, whose modules are in a zip
 * archive behind the program in the same file. Nothing is unpacked, and nothing of the host is used:
 * neither its C library nor a Python, a writable disk or /proc. */
#define _GNU_SOURCE
#include <Python.h>
#include <dlfcn.h>
#include <linux/limits.h>
#include <nss.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

PyMODINIT_FUNC PyInit_loop(void);
PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit_parser(void);
PyMODINIT_FUNC PyInit_url_parser(void);

/* MODULES(each): those of the standard library that are no part of libpython, as the build says. */
#define DECLARE(name) PyMODINIT_FUNC PyInit_##name(void);
#define APPEND(name) PyImport_AppendInittab(#name, PyInit_##name);
MODULES(DECLARE)

/* ctypes finds functions by name at run time, for which a static program has no table. These are
 * all that lambent.sandbox.system_calls asks for. */
static const struct {
    const char *name;
    void *function;
} known[] = {
    {"mount", mount},   {"prctl", prctl},     {"setns", setns},
    {"syscall", syscall}, {"umount2", umount2}, {"unshare", unshare},
};

void *__wrap_dlopen(const char *file, int mode) { return file == NULL ? (void *)known : NULL; }

int __wrap_dlclose(void *handle) { return 0; }

char *__wrap_dlerror(void) { return "there is no dynamic linking in this program"; }

void *__wrap_dlsym(void *handle, const char *name) {
    for (size_t each = 0; each < sizeof known / sizeof *known; each++)
        if (strcmp(known[each].name, name) == 0) return known[each].function;
    return NULL;
}

/* A static C library would load the host's name services, made for another version of it. */
static void use_own_name_services(void) {
    __nss_configure_lookup("hosts", "files dns");
    __nss_configure_lookup("passwd", "files");
    __nss_configure_lookup("group", "files");
    __nss_configure_lookup("services", "files");
    __nss_configure_lookup("protocols", "files");
}

/* Where this file is, as the kernel was told: it says so without /proc. */
static const char *own_path(const char *fallback) {
    static char path[PATH_MAX];
    const char *told = (const char *)getauxval(AT_EXECFN);
    return realpath(told != NULL ? told : fallback, path) != NULL ? path : fallback;
}

static PyStatus set_paths(PyConfig *config, const char *path) {
    wchar_t *file = Py_DecodeLocale(path, NULL);
    if (file == NULL) return PyStatus_NoMemory();
    config->module_search_paths_set = 1;
    PyStatus status = PyWideStringList_Append(&config->module_search_paths, file);
    wchar_t **all[] = {&config->prefix,      &config->exec_prefix,      &config->stdlib_dir,
                       &config->base_prefix, &config->base_exec_prefix, &config->base_executable,
                       &config->executable};
    for (size_t each = 0; each < sizeof all / sizeof *all && !PyStatus_Exception(status); each++)
        status = PyConfig_SetString(config, all[each], file);
    PyMem_RawFree(file);
    return status;
}

static PyStatus start(int argc, char **argv) {
    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before); /* no variable of the function's is for this Python */
    before.utf8_mode = 1;
    PyStatus status = Py_PreInitialize(&before);
    if (PyStatus_Exception(status)) return status;

    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.parse_argv = 0;
    config.install_signal_handlers = 1;
    status = set_paths(&config, own_path(argv[0]));
    if (!PyStatus_Exception(status)) status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (!PyStatus_Exception(status))
        status = PyConfig_SetString(&config, &config.run_command, L"import lambent_boot\n");
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return status;
}

int main(int argc, char **argv) {
    use_own_name_services();
    MODULES(APPEND)
    PyImport_AppendInittab("msgspec._core", PyInit__core);
    PyImport_AppendInittab("uvloop.loop", PyInit_loop);
    PyImport_AppendInittab("httptools.parser.parser", PyInit_parser);
    PyImport_AppendInittab("httptools.parser.url_parser", PyInit_url_parser);
    PyStatus status = start(argc, argv);
    if (PyStatus_Exception(status)) Py_ExitStatusException(status);
    return Py_RunMain();
}
