/* Bells: eventfds that one process writes and another sleeps on. */
#include "ring.h"

#include <sched.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* Sleeps are no longer than this, so that a signal which another thread got is seen. */
enum { LONGEST_SLEEP_MS = 100 };

int
bell_create(const Module *module)
{
    PyObject *number = PyObject_CallNoArgs(module->new_bell);
    long fd = number == NULL ? -1 : PyLong_AsLong(number);
    Py_XDECREF(number);
    return (int)fd;
}

void
bell_ring(int fd)
{
    const uint64_t one = 1;
    /* It fails when the count is full: then it is audible already. */
    ssize_t written = write(fd, &one, sizeof one);
    (void)written;
}

void
bell_drain(int fd)
{
    uint64_t count;
    /* It fails when nobody has rung. */
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
}

void
close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

/* ---- waiting */

static int64_t
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t
spin_time(PyTypeObject *type)
{
    PyObject *number = PyObject_GetAttrString(PyType_GetModule(type), "SPIN_NS");
    const long long nanoseconds = number == NULL ? -1 : PyLong_AsLongLong(number);
    Py_XDECREF(number);
    PyErr_Clear();
    return nanoseconds < 0 ? 0 : nanoseconds;
}

/* Lets whoever else wants this processor have it: the peer, perhaps. */
static void
step_aside(Station *station)
{
    station->away++;
    Py_BEGIN_ALLOW_THREADS
    sched_yield();
    Py_END_ALLOW_THREADS
    station->away--;
}

/* What looking for `took` nanoseconds says of the next times. */
static int
judge(const Station *station, bool found, int64_t took)
{
    enum { MOST_LUCK = 8, SIT_OUT = 256, SIT_OUT_LONG = 16384, HUNGRY_NS = 100000 };
    if (took > HUNGRY_NS) {
        /* Somebody else took the processor, and kept it. Who sleeps gets it back sooner. */
        return -SIT_OUT_LONG;
    }
    if (found) {
        return station->luck < MOST_LUCK ? station->luck + 1 : MOST_LUCK;
    }
    return station->luck > 0 ? station->luck - 1 : -SIT_OUT;
}

/* As duty->look(), again and again for a few microseconds. A peer that is about to answer does so
 * without having to ring, and we need not fall asleep: that is worth a quarter of a round trip on
 * one processor, and half of it on two. It is of no use where the peer works for long, and harmful
 * where others are hungry for the processor: then it is given up, but for a try now and then. */
static int
look_for_a_while(Station *station, const Duty *duty, void *end)
{
    int found = duty->look(end);
    if (found != 0 || station->spin == 0) {
        return found;
    }
    if (station->luck < 0) {
        station->luck++;
        return 0;
    }
    const int64_t begin = now_ns();
    int64_t took;
    do {
        step_aside(station);
        found = duty->look(end);
        took = now_ns() - begin;
    } while (found == 0 && took < station->spin);
    station->luck = judge(station, found != 0, took);
    return found;
}

int
duty_arm(const Duty *duty, void *end)
{
    duty->ask(end, true);
    full_fence();
    return duty->look(end);
}

/* What to sleep with: it notices each ring (EPOLLET), also if the bell was never silenced. That
 * saves a read for each sleep. */
static bool
make_sleeper(Station *station)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    station->sleeper = epoll_create1(EPOLL_CLOEXEC);
    if (station->sleeper < 0 ||
        epoll_ctl(station->sleeper, EPOLL_CTL_ADD, station->bell, &event) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        close_fd(&station->sleeper);
        return false;
    }
    return true;
}

static bool
sleep_until_rung(Station *station, int64_t nanoseconds)
{
    const int64_t milliseconds = (nanoseconds + 999999) / 1000000;
    const int bounded = milliseconds < LONGEST_SLEEP_MS ? (int)milliseconds : LONGEST_SLEEP_MS;
    struct epoll_event event;
    if (station->sleeper < 0 && !make_sleeper(station)) {
        return false;
    }
    station->away++;
    Py_BEGIN_ALLOW_THREADS
    epoll_wait(station->sleeper, &event, 1, bounded);
    Py_END_ALLOW_THREADS
    station->away--;
    return true;
}

int
station_wait(Station *station, const Duty *duty, void *end, double seconds)
{
    const int64_t longest = INT64_MAX / 2;
    const int64_t span = seconds < (double)longest * 1e-9 ? (int64_t)(seconds * 1e9) : longest;
    int found = look_for_a_while(station, duty, end);
    const int64_t deadline = found == 0 ? now_ns() + span : 0;
    while (found == 0) {
        found = duty_arm(duty, end);
        if (found != 0) {
            duty->ask(end, false);
            break;
        }
        const int64_t left = deadline - now_ns();
        if (left <= 0) {
            return 0;
        }
        if (!sleep_until_rung(station, left) || PyErr_CheckSignals() < 0) {
            return -1;
        }
        found = duty->look(end);
    }
    return found;
}

void
station_close(Station *station)
{
    close_fd(&station->sleeper);
    close_fd(&station->bell);
}
