"""Models: read, checked, drawn, solved, simulated, trained, verified."""

from __future__ import annotations

import json
import pathlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional, Union

from . import _commands as commands
from . import _native
from ._commands import PathLike, Progress, Value, flat, words_of
from ._errors import EconError
from ._run import Run, Svg

#: What reports progress: a function of (done, of, unit, message), a tqdm bar, or True.
Watch = Union[None, bool, Progress, Any]


def load(source: PathLike, *, set: Optional[Mapping[str, Any]] = None, **params: Value) -> Model:
    """Reads and checks a model.

    ``source`` is the path of an ``.econ`` file, the text of one (with a line break in it), or the name of a model that comes with econc
    (see ``templates()``). ``params`` replace parameters of the file; names with dots go into ``set``: ``load("cournot",
    set={"firm.c": 2})``.

    Raises ``EconError`` with the messages of a file with mistakes.
    """
    model = Model(source, {**(set or {}), **params})
    model.check()
    return model


class Model:
    """A model file with what replaces its parameters."""

    def __init__(self, source: PathLike, params: Optional[Mapping[str, Any]] = None):
        self._folder: Optional[tempfile.TemporaryDirectory[str]] = None
        self._params = flat(params or {})
        text, name = self._text_of(source)
        #: Name of the file, or ``<text>``.
        self.name = name
        if text is None:
            self.path = pathlib.Path(source)
        else:
            self._keep(text, name)

    def _keep(self, text: str, name: str) -> None:
        """Keeps a text as a file that is called by ``name``."""
        self._folder = tempfile.TemporaryDirectory(prefix="econc-model-")
        self.path = pathlib.Path(self._folder.name) / (name if name.endswith(".econ") else "model.econ")
        self.path.write_text(text, encoding="utf-8")
        self._named = _native.Named(str(self.path), name)

    @staticmethod
    def _text_of(source: PathLike) -> tuple[Optional[str], str]:
        if isinstance(source, str) and "\n" in source:
            return source, "<text>"
        path = pathlib.Path(source)
        if isinstance(source, str) and not path.exists() and source in (known := _native.templates()):
            return known[source], f"{source}.econ"
        return None, path.name

    @property
    def text(self) -> str:
        """The text of the file."""
        return self.path.read_text(encoding="utf-8")

    @property
    def params(self) -> dict[str, str]:
        """What replaces parameters of the file, as typed."""
        return dict(self._params)

    def with_params(self, **params: Value) -> Model:
        """The same model with other parameters."""
        out = Model.__new__(Model)
        out.__setstate__((self.text, self.name, {**self._params, **flat(params)}))
        out.check()
        return out

    def __repr__(self) -> str:
        params = "".join(f", {k}={v}" for k, v in self._params.items())
        return f"<econc.Model {self.name}{params}>"

    def _repr_html_(self) -> str:
        return self.graph()

    def __getstate__(self) -> tuple[str, str, dict[str, str]]:
        return (self.text, self.name, self._params)

    def __setstate__(self, state: tuple[str, str, dict[str, str]]) -> None:
        text, self.name, params = state
        self._params = dict(params)
        self._keep(text, self.name)

    def _asked(self, action: str, words: Iterable[str], settings: Mapping[str, Any], **common: Any) -> Run:
        """A command on this model; ``settings`` go with its parameters, and win over them."""
        replaced = {**self._params, **flat(settings)}
        line = [action, str(self.path), *words, *words_of("--set", replaced)]
        return commands.asked(line, **common)

    def check(self) -> None:
        """Finds mistakes: raises ``EconError`` with all messages, warns with ``EconWarning``."""
        line = ["check", str(self.path), "--json", *words_of("--set", self._params)]
        status, printed, said = commands.command(line)
        result = json.loads(printed)
        if status != 0:
            raise commands.failure(said, result, None)
        commands.warn(result.get("diagnostics", []), said)

    def graph(self, *, parameters: bool = False) -> Svg:
        """Who depends on what, and when it is known: a drawing that notebooks show."""
        line = ["graph", str(self.path), "--svg", *words_of("--set", self._params)]
        status, printed, said = commands.command(line + (["--parameters"] if parameters else []))
        if status != 0:
            raise EconError(said)
        return Svg(printed)

    def why(self) -> str:
        """Who decides, what is taken as given and which methods fit."""
        status, printed, said = commands.command(["solve", str(self.path), "--why", *words_of("--set", self._params)])
        if status != 0:
            raise EconError(said)
        return printed

    def solve(
        self,
        *,
        concept: Optional[str] = None,
        method: Optional[str] = None,
        information: Optional[str] = None,
        seed: Optional[int] = None,
        threads: Optional[int] = None,
        memory: Union[None, int, str] = None,
        checkpoint: Optional[float] = None,
        out: Optional[PathLike] = None,
        force: bool = False,
        progress: Watch = None,
        set: Optional[Mapping[str, Any]] = None,
        **settings: Any,
    ) -> Run:
        """Solves and certifies. ``settings`` are keys of ``solve { }``: ``tolerance=1e-9``, ``grid={"k": "log(800)"}``.

        Raises ``CertificateError`` if the certificate does not hold.
        """
        words = _options(concept=concept, method=method, information=information)
        return self._asked(
            "solve", words, {**(set or {}), **settings},
            seed=seed, threads=threads, memory=memory, checkpoint=checkpoint, out=out, force=force, progress=progress,
        )

    def steady_state(
        self, *, concept: Optional[str] = None, out: Optional[PathLike] = None, force: bool = False,
        threads: Optional[int] = None, memory: Union[None, int, str] = None, progress: Watch = None,
        set: Optional[Mapping[str, Any]] = None, **settings: Any,
    ) -> Run:
        """Where the economy rests without shocks."""
        return self._asked(
            "steady_state", _options(concept=concept), {**(set or {}), **settings},
            threads=threads, memory=memory, out=out, force=force, progress=progress,
        )

    def simulate(
        self,
        policy: Any = None,
        *,
        scenario: Optional[str] = None,
        periods: Optional[int] = None,
        worlds: Optional[int] = None,
        members: Optional[int] = None,
        on_chain: bool = False,
        greedy: bool = False,
        other_parameters: bool = False,
        grids: bool = False,
        seed: Optional[int] = None,
        threads: Optional[int] = None,
        memory: Union[None, int, str] = None,
        out: Optional[PathLike] = None,
        force: bool = False,
        progress: Watch = None,
        set: Optional[Mapping[str, Any]] = None,
        **settings: Any,
    ) -> Run:
        """Runs the economy forward. ``policy`` is a run, ``"random"``, ``"rule"``, ``"fixed:s=0.2"``, any policy of Python (see
        ``verify``), or a dictionary of these by agent."""
        words, lent = self._policies("--policy", policy, grids, None)
        words += _options(scenario=scenario, periods=periods, worlds=worlds, members=members)
        words += _flags(on_chain=on_chain, greedy=greedy, other_parameters=other_parameters)
        with _Lending(lent) as first:
            return self._asked(
                "simulate", words, {**(set or {}), **settings}, lent=first,
                seed=seed, threads=threads, memory=memory, out=out, force=force, progress=progress,
            )

    def irf(
        self,
        run: Union[None, Run, PathLike] = None,
        *,
        shock: Union[None, str, Sequence[str]] = None,
        start: Optional[str] = None,
        periods: Optional[int] = None,
        histories: Optional[int] = None,
        burn_in: Optional[int] = None,
        band: Optional[float] = None,
        variance: bool = False,
        members: Optional[int] = None,
        greedy: bool = False,
        seed: Optional[int] = None,
        threads: Optional[int] = None,
        memory: Union[None, int, str] = None,
        out: Optional[PathLike] = None,
        force: bool = False,
        progress: Watch = None,
        set: Optional[Mapping[str, Any]] = None,
        **settings: Any,
    ) -> Run:
        """Impulse responses: of the solution, which is found first, or of the policies of ``run``. ``start`` is ``--from``:
        ``"ergodic"``, ``"mean"``, ``"start"`` or ``"k=30,z=0"``."""
        shocks = [shock] if isinstance(shock, str) else list(shock or [])
        words = [w for s in shocks for w in ("--shock", s)]
        words += _options(periods=periods, histories=histories, burn_in=burn_in, band=band, members=members)
        words += ["--from", start] if start is not None else []
        words += _flags(variance=variance, greedy=greedy)
        common: dict[str, Any] = {
            "seed": seed, "threads": threads, "memory": memory, "out": out, "force": force, "progress": progress,
        }
        if run is None:
            return self._asked("irf", words, {**(set or {}), **settings}, **common)
        replaced = flat({**(set or {}), **settings})
        return commands.asked(["irf", str(pathlib.Path(run)), *words, *words_of("--set", replaced)], **common)

    def train(
        self,
        learner: Union[None, str, Mapping[str, str]] = None,
        *,
        seeds: Union[None, int, str, Iterable[int]] = None,
        agents: Union[None, str, Sequence[str]] = None,
        others: Any = None,
        scenario: Optional[str] = None,
        against: Union[None, Run, PathLike] = None,
        other_parameters: bool = False,
        seed: Optional[int] = None,
        threads: Optional[int] = None,
        memory: Union[None, int, str] = None,
        checkpoint: Optional[float] = None,
        out: Optional[PathLike] = None,
        force: bool = False,
        progress: Watch = None,
        set: Optional[Mapping[str, Any]] = None,
        **options: Any,
    ) -> Run:
        """Trains agents that learn the model by play. ``options`` are those of the learner and of the training: ``steps=200_000``;
        ``learner`` may be a dictionary by agent."""
        words, lent = self._policies("--others", others, False, None)
        words += _learners(learner) + seeds_of(seeds) + _agents(agents)
        words += _options(scenario=scenario, against=None if against is None else str(pathlib.Path(against)))
        words += _flags(other_parameters=other_parameters) + words_of("--with", flat(options))
        with _Lending(lent) as first:
            return self._asked(
                "train", words, set or {}, lent=first, seed=seed, threads=threads, memory=memory, checkpoint=checkpoint,
                out=out, force=force, progress=progress,
            )

    def tune(
        self,
        learner: Optional[str] = None,
        *,
        search: Optional[Mapping[str, str]] = None,
        trials: Optional[int] = None,
        method: Optional[str] = None,
        eta: Optional[int] = None,
        least: Optional[int] = None,
        budget: Optional[int] = None,
        objective: Optional[str] = None,
        against: Union[None, Run, PathLike] = None,
        seeds: Union[None, int, str, Iterable[int]] = None,
        agent: Optional[str] = None,
        others: Any = None,
        scenario: Optional[str] = None,
        seed: Optional[int] = None,
        threads: Optional[int] = None,
        memory: Union[None, int, str] = None,
        checkpoint: Optional[float] = None,
        out: Optional[PathLike] = None,
        force: bool = False,
        progress: Watch = None,
        set: Optional[Mapping[str, Any]] = None,
        **options: Any,
    ) -> Run:
        """Searches over the options of a learner: ``search={"learning_rate": "1e-4..1e-2:log"}``."""
        words, lent = self._policies("--others", others, False, None)
        words += _learners(learner) + seeds_of(seeds) + words_of("--search", flat(search or {}))
        words += _options(
            trials=trials, method=method, eta=eta, least=least, budget=budget, objective=objective, agent=agent,
            scenario=scenario, against=None if against is None else str(pathlib.Path(against)),
        )
        words += words_of("--with", flat(options))
        with _Lending(lent) as first:
            return self._asked(
                "tune", words, set or {}, lent=first, seed=seed, threads=threads, memory=memory, checkpoint=checkpoint,
                out=out, force=force, progress=progress,
            )

    def verify(
        self,
        policy: Any = None,
        *,
        solution: Union[None, Run, PathLike] = None,
        learner: Optional[str] = None,
        seeds: Union[None, int, str, Iterable[int]] = None,
        agent: Optional[str] = None,
        others: Any = None,
        other_parameters: bool = False,
        best: bool = False,
        grids: bool = False,
        name: Optional[str] = None,
        seed: Optional[int] = None,
        threads: Optional[int] = None,
        memory: Union[None, int, str] = None,
        checkpoint: Optional[float] = None,
        out: Optional[PathLike] = None,
        force: bool = False,
        progress: Watch = None,
        set: Optional[Mapping[str, Any]] = None,
        **options: Any,
    ) -> Run:
        """Judges what was learned by the exact solution: distance from it, and what that costs.

        ``policy`` is a run of ``train``; or any policy of Python over the observations of :mod:`econc.envs`: a function from a batch of
        observations (and, if it has an argument ``mask``, masks) to a batch of actions, a model of Stable-Baselines3, an algorithm or a
        module of RLlib, the path of an ONNX file. Without one, a learner of econc is trained first.

        Raises ``CertificateError`` if the file's ``verify { }`` does not hold; ``error.run`` then is the verdict.
        """
        words, lent = self._policies("--policy", policy, grids, agent, name)
        more, lent_others = self._policies("--others", others, False, None)
        words += more + _learners(learner) + seeds_of(seeds)
        words += _options(agent=agent, solution=None if solution is None else str(pathlib.Path(solution)))
        words += _flags(other_parameters=other_parameters, best=best) + words_of("--with", flat(options))
        with _Lending(lent + lent_others) as first:
            return self._asked(
                "verify", words, set or {}, lent=first, seed=seed, threads=threads, memory=memory, checkpoint=checkpoint,
                out=out, force=force, progress=progress,
            )

    def _policies(
        self, option: str, policy: Any, grids: bool, agent: Optional[str], name: Optional[str] = None
    ) -> tuple[list[str], list[_native.Lent]]:
        """The words that name policies, and those of Python that were lent for them."""
        from ._policies import lend

        if policy is None:
            return [], []
        by_agent = policy if isinstance(policy, Mapping) else {None: policy}
        words: list[str] = []
        lent: list[_native.Lent] = []
        for who, one in by_agent.items():
            if isinstance(one, Run) or _is_word(one):
                word = str(pathlib.Path(one)) if isinstance(one, (Run, pathlib.Path)) else str(one)
            else:
                lent.append(lend(self, one, who or agent, grids, name))
                word = lent[-1].word
            words += [option, word if who is None else f"{who}={word}"]
        return words, lent


def _is_word(policy: Any) -> bool:
    return isinstance(policy, (str, pathlib.Path)) and not str(policy).endswith(".onnx")


class _Lending:
    """Keeps what was lent until a command has ended, and raises what it raised."""

    def __init__(self, lent: list[_native.Lent]):
        self.lent = lent

    def __enter__(self) -> Optional[_native.Lent]:
        return self.lent[0] if self.lent else None

    def __exit__(self, kind: object, *_: object) -> None:
        for one in self.lent:
            one.check()


def _options(**values: Any) -> list[str]:
    given = {k.replace("_", "-"): v for k, v in values.items() if v is not None}
    return [w for name, value in given.items() for w in (f"--{name}", str(value))]


def _flags(**values: bool) -> list[str]:
    return [f"--{name.replace('_', '-')}" for name, on in values.items() if on]


def _learners(learner: Union[None, str, Mapping[str, str]]) -> list[str]:
    if isinstance(learner, Mapping):
        return words_of("--learner", dict(learner))
    return [] if learner is None else ["--learner", learner]


def _agents(agents: Union[None, str, Sequence[str]]) -> list[str]:
    named = [agents] if isinstance(agents, str) else list(agents or [])
    return [w for a in named for w in ("--agent", a)]


def seeds_of(seeds: Union[None, int, str, Iterable[int]]) -> list[str]:
    """The option of seeds: a number, ``"1..5"``, or numbers."""
    if seeds is None:
        return []
    text = str(seeds) if isinstance(seeds, (int, str)) else ",".join(str(s) for s in seeds)
    return ["--seeds", text]
