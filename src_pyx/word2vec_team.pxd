"""The team that trains word2vec batch by batch, with the same bits from any number of parts.

Each part owns some stripes of columns, of all rows, and no row moves from core to core. All parts
walk through the same centres: each computes its share of the scores of a batch, collects the next
batch while it waits for the others, adds up all shares and changes its columns.

The first part that enters leads. It cuts the blocks into rounds; the parts that have entered when a
round begins take part in it. The first round waits a moment for the others to enter. A part that
never enters (a program without threads computes its parts one after the other) is not waited for
any longer. Other programs may want the cores: where a round waits too long for a part, the leader
works alone for some rounds.
"""
from libc.stdint cimport int64_t

from common_parallel cimport part_begin
from word2vec_batches cimport (
    STRIPES, collect, finish_scores, learn_batch, place_scores, score_batch,
)
from word2vec_job cimport job_t
from word2vec_scratch cimport batch_t, scratch_t

cdef extern from "threads.h" nogil:
    int64_t fw_next(int64_t* counter) noexcept
    int64_t fw_load(int64_t* counter) noexcept
    void fw_store(int64_t* counter, int64_t value) noexcept
    void fw_pause_a_moment() noexcept
    void fw_give_way() noexcept
    void fw_sleep(int64_t microseconds) noexcept
    int64_t fw_microseconds() noexcept

cdef enum:
    ROUND = 8               # blocks of a round
    SPINS = 2000            # short pauses of a waiting part before it yields its core
    SHORTEST_SLEEP = 20     # microseconds between two checks by an idle part
    LONGEST_SLEEP = 1000
    LONGEST_PAUSE = 256     # most rounds that the leader works alone

# One per part, in cache lines of their own.
cdef struct seat_t:
    int64_t arrived             # meetings that its part has arrived at
    int64_t called              # the last round that the leader called it to
    int64_t unused[14]

# How often the leader worked alone: kept from call to call, as other programs may run for long.
cdef struct pauses_t:
    int64_t length              # rounds of the next pause, about
    int64_t left                # rounds left of this one

cdef struct team_t:
    int64_t entered             # parts that have entered
    int64_t over                # whether the last round is over
    # Set by the leader before each round.
    int64_t round, members, arrived
    int64_t first, last         # its blocks
    int64_t n_stripes
    job_t stripes[STRIPES]
    bint apart                  # whether each of them is a table of its own
    float* partial              # (2, STRIPES, n_partial) scores of two batches
    int64_t n_partial
    seat_t* seats               # (STRIPES,)
    pauses_t* pauses


cdef inline void arrive(team_t* team, int64_t me, int64_t* arrived) noexcept nogil:
    """Tell the others that part `me` has arrived at the next meeting."""
    arrived[0] += 1
    fw_store(&team.seats[me].arrived, arrived[0])


cdef inline int64_t wait_for_all(team_t* team, int64_t members, int64_t arrived) noexcept nogil:
    """Wait until all members have arrived at this meeting.

    Returns the microseconds in which others had the core; a short wait spins and counts as 0.
    """
    cdef int64_t k, moments = 0, began = 0
    for k in range(members):
        while fw_load(&team.seats[k].arrived) < arrived:
            moments += 1
            if moments < SPINS:
                fw_pause_a_moment()
                continue
            if began == 0:
                began = fw_microseconds()
            fw_give_way()
    return fw_microseconds() - began if began else 0


cdef inline int64_t train_round(const job_t* job, scratch_t* s, team_t* team,
                                int64_t me) noexcept nogil:
    """Do the work of part `me` in a round; return the microseconds without its core."""
    cdef int64_t members = team.members     # the leader may change it when all have arrived
    cdef int64_t first = part_begin(me, members, team.n_stripes)
    cdef int64_t last = part_begin(me + 1, members, team.n_stripes)
    cdef int64_t arrived = team.arrived, lost = 0, n_scores, turn = 0, q
    cdef bint leads = me == 0
    cdef batch_t* batch = s.batches
    cdef batch_t* following
    cdef float* partial
    # Alone, a part takes whole rows where the order of sums is the same, which is faster.
    cdef bint whole = members == 1 and not team.apart
    cdef job_t mine = job[0]
    if not leads:
        mine.touched_in = NULL      # only the leader counts changes
    s.block, s.end_block = team.first, team.last
    collect(&mine, s, batch, leads)
    while batch.n:
        partial = team.partial + turn * STRIPES * team.n_partial
        n_scores = place_scores(batch, s)
        if whole:
            score_batch(job, s, batch, team.stripes, last, partial, team.n_partial)
        for q in range(last if whole else first, last):
            score_batch(team.stripes + q, s, batch, team.stripes + q, 1,
                        partial + q * team.n_partial, team.n_partial)
        arrive(team, me, &arrived)
        turn = 1 - turn
        following = s.batches + turn
        collect(&mine, s, following, leads)
        lost += wait_for_all(team, members, arrived)
        finish_scores(job, s, batch, partial, team.n_partial, n_scores, leads)
        if batch.alpha != 0 and whole:
            learn_batch(job, s, batch, True, following)
        elif batch.alpha != 0:
            for q in range(last - 1, first - 1, -1):
                learn_batch(team.stripes + q, s, batch, q == last - 1, following)
        batch = following
    arrive(team, me, &arrived)
    return lost + wait_for_all(team, members, arrived)


cdef inline bint wait_for_members(team_t* team, int64_t members) noexcept nogil:
    """Wait a moment for all members to enter; return whether they have."""
    cdef int64_t moments = 0
    while fw_load(&team.entered) < members:
        moments += 1
        if moments > SPINS:
            return False
        fw_pause_a_moment()
    return True


cdef inline void lead(const job_t* job, scratch_t* s, team_t* team, int64_t last) noexcept nogil:
    """Lead the team through rounds up to block `last`.

    A round that waited for parts for a quarter of its time is followed by a pause: rounds that the
    leader works alone. Each pause doubles; each good round shortens the next one by a round.
    """
    cdef int64_t length = fw_load(&team.pauses.length), left = fw_load(&team.pauses.left)
    cdef int64_t k, began
    team.first = job.first_block
    # A call may have a single round, and the others enter a little later than the leader.
    if left == 0 and not wait_for_members(team, min(job.n_parts, team.n_stripes)):
        length = min(2 * length + 1, <int64_t> LONGEST_PAUSE)
        left = length
    while team.first < last:
        team.last = min(team.first + ROUND, last)
        team.members = min(fw_load(&team.entered), job.n_parts, team.n_stripes)
        if left:
            left -= 1
            team.members = 1
        team.round += 1
        for k in range(1, team.members):
            fw_store(&team.seats[k].called, team.round)
        began = fw_microseconds()
        if 4 * train_round(job, s, team, 0) > fw_microseconds() - began:
            length = min(2 * length + 1, <int64_t> LONGEST_PAUSE)
            left = length
        elif team.members > 1 and length:
            length -= 1
        team.arrived = team.seats[0].arrived
        team.first = team.last
    fw_store(&team.over, 1)
    fw_store(&team.pauses.length, length)
    fw_store(&team.pauses.left, left)


cdef inline void follow(const job_t* job, scratch_t* s, team_t* team, int64_t me) noexcept nogil:
    """Take part in the rounds that part `me` is called to."""
    cdef int64_t seen = 0, called, moments = 0, sleep = SHORTEST_SLEEP
    while not fw_load(&team.over):
        called = fw_load(&team.seats[me].called)
        if called > seen:
            seen = called
            train_round(job, s, team, me)
            moments, sleep = 0, SHORTEST_SLEEP
        elif moments < SPINS:
            moments += 1
            fw_pause_a_moment()
        else:
            fw_sleep(sleep)
            sleep = min(2 * sleep, <int64_t> LONGEST_SLEEP)


cdef inline void team_part(const job_t* job, scratch_t* s, team_t* team,
                           int64_t last) noexcept nogil:
    """Enter the team and lead it, or follow; a part without stripes returns at once."""
    cdef int64_t me = fw_next(&team.entered)
    if me == 0:
        lead(job, s, team, last)
    elif me < team.n_stripes:
        follow(job, s + me, team, me)
