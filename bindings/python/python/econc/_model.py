"""Models: read, checked, drawn, solved, simulated, trained, verified."""

from __future__ import annotations

import copy
import difflib
import inspect
import json
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional, Union

from . import _commands as commands
from . import _native
from ._commands import PathLike, Seeds, Value, Watch, common_of, flags_of, flat, options_of, seeds_of, typed, words_of
from ._errors import EconError
from ._run import Folder, Run, Svg, refused


def load(source: PathLike, *, set: Optional[Mapping[str, Any]] = None, **params: Value) -> Model:
    """Reads and checks a model.

    ``source`` is the path of an ``.econ`` file, the text of one (with a line break in it), or the name of a model that comes with econc
    (see ``templates()``). ``params`` replace parameters of the file, in its units; names with dots go into ``set``: ``load("cournot",
    set={"firm.c": 2})``.

    Raises ``EconError`` with the messages of a file with mistakes, and where there is no such file (E0960); warns with ``EconWarning``.
    """
    model = Model(source, {**(set or {}), **params})
    model.check()
    return model


class Model:
    """A model file with what replaces its parameters. The text is kept as it is now: later changes of the file are seen by :func:`load`.

    A model can be copied, pickled (joblib, multiprocessing with ``spawn``, Ray) and used by several threads at once.
    """

    def __init__(self, source: PathLike, params: Optional[Mapping[str, Any]] = None):
        self._keep(*self._text_of(source), flat(params or {}))

    def _keep(self, text: bytes, name: str, params: Mapping[str, str]) -> None:
        """Keeps a text as a file that is called by ``name``."""
        #: Name of the file, or ``<text>``.
        self.name = name
        self._params = dict(params)
        self._text = text
        self._graph: Optional[dict[str, Any]] = None
        self._folder = Folder("econc-model-")
        #: Where the text is kept for as long as the model lives.
        self.path = self._folder.path / (pathlib.Path(name).name if name.endswith(".econ") else "model.econ")
        self.path.write_bytes(text)
        self._named = _native.Named(str(self.path), name)

    @staticmethod
    def _text_of(source: PathLike) -> tuple[bytes, str]:
        if isinstance(source, str) and ("\n" in source or "\r" in source):
            return source.encode(), "<text>"
        if not isinstance(source, (str, pathlib.Path)) or not str(source):
            raise TypeError(f"a model is the path of a file, a text, or the name of a model of econc, not {source!r}")
        path = pathlib.Path(source).expanduser()
        if path.is_file():
            return path.read_bytes(), str(source)
        if path.exists():
            raise refused("E0960", f"`{source}` is not a file", "name an .econ file")
        known = _native.templates()
        if source in known:
            return known[str(source)].encode(), f"{source}.econ"
        near = difflib.get_close_matches(path.stem, known, 1)
        hint = f"did you mean the model \"{near[0]}\" of econc?" if near else "econc.templates() has the models that come with econc"
        raise refused("E0960", f"`{source}` is no file, no model of econc, and no text of a model (which has lines)", hint)

    @property
    def text(self) -> str:
        """The text of the file."""
        return self._text.decode()

    @property
    def params(self) -> dict[str, str]:
        """What replaces parameters of the file, by name, as typed."""
        return dict(self._params)

    def _described(self) -> dict[str, Any]:
        if self._graph is None:
            line = ["graph", str(self.path), "--json", *words_of("--set", self._params)]
            status, printed, said = commands.command(line)
            if status != 0:
                raise commands.failure(said, json.loads(printed), None)
            self._graph = json.loads(printed)["model"]
        return self._graph

    def _names(self, kind: str) -> list[str]:
        return [one["name"] for one in self._described()[kind]]

    @property
    def parameters(self) -> dict[str, Union[float, list[float]]]:
        """The values of all parameters, by name; a list (row-major) where there are several, one for each member of a set."""
        found = {p["name"]: [float(x) for x in p["values"]] for p in self._described()["params"] if p["name"]}
        return {name: values[0] if len(values) == 1 else values for name, values in found.items()}

    @property
    def agents(self) -> list[str]:
        """Names of the agents."""
        return self._names("agents")

    @property
    def states(self) -> list[str]:
        """Names of the states."""
        return self._names("states")

    @property
    def shocks(self) -> list[str]:
        """Names of the shocks."""
        return self._names("shocks")

    @property
    def actions(self) -> list[str]:
        """Names of the actions."""
        return self._names("actions")

    def with_params(self, set: Optional[Mapping[str, Any]] = None, /, **params: Value) -> Model:
        """The same model with other parameters; names with dots in a dictionary: ``with_params({"firm.c": 2})``.

        Raises ``EconError`` (E0802) for parameters that it does not have.
        """
        out = copy.copy(self)
        out._params = {**self._params, **flat({**(set or {}), **params})}
        out._graph = None
        out.check()
        return out

    def save(self, path: PathLike) -> None:
        """Writes the text of the model to a file; what replaces its parameters is not in it."""
        pathlib.Path(path).write_bytes(self._text)

    def __repr__(self) -> str:
        params = "".join(f", {k}={v}" for k, v in self._params.items())
        return f"<econc.Model {self.name}{params}>"

    def _repr_html_(self) -> str:
        return self.graph()

    def __getstate__(self) -> tuple[bytes, str, dict[str, str]]:
        return (self._text, self.name, self._params)

    def __setstate__(self, state: tuple[bytes, str, dict[str, str]]) -> None:
        self._keep(*state)

    def _line(self, action: str, words: Iterable[str], settings: Optional[Mapping[str, Any]] = None) -> list[str]:
        """A command on this model; ``settings`` go with its parameters, and win over them."""
        return [action, str(self.path), *words, *words_of("--set", {**self._params, **flat(settings or {})})]

    def _printed(self, action: str, *words: str) -> str:
        """What a command on this model prints."""
        status, printed, said = commands.command(self._line(action, words))
        if status != 0:
            raise commands.failure(said, {}, None)
        return printed

    def _asked(self, method: str, line: list[str], **more: Any) -> Run:
        """A command that leaves a run; a setting that there is not may be an option of the method."""
        try:
            return commands.asked(line, **more)
        except EconError as why:
            options = [n for n, x in inspect.signature(getattr(self, method)).parameters.items() if x.kind == x.KEYWORD_ONLY]
            wrong = next((d for d in why.diagnostics if d.get("code") in ("E0801", "E0802") and "did you mean" not in str(d.get("hint"))), None)
            word = "" if wrong is None else str(wrong.get("headline")).split(":")[0].split("=")[0].replace("--set", "").replace("`", "").strip()
            near = difflib.get_close_matches(word, options, 1)
            if wrong is not None and near:
                wrong["hint"] = f"did you mean the option `{near[0]}` of {method}?"
                said = re.sub(r"(?m)^ *= hint: .*\n?", "", why.message).rstrip()
                raise type(why)(f"{said}\n = hint: {wrong['hint']}", why.diagnostics, why.run) from None
            raise

    def check(self) -> None:
        """Finds mistakes: raises ``EconError`` with all messages, warns with ``EconWarning``."""
        status, printed, said = commands.command(self._line("check", ["--json"]))
        result = json.loads(printed)
        if status != 0:
            raise commands.failure(said, result, None)
        commands.warn(result.get("diagnostics", []), said)

    def graph(self, *, parameters: bool = False) -> Svg:
        """Who depends on what, and when it is known: a drawing (SVG) that notebooks show, with ``parameters`` if asked."""
        return Svg(self._printed("graph", "--svg", *flags_of(locals(), "parameters")))

    def why(self) -> str:
        """Who decides, what is taken as given and which methods fit, as text."""
        return self._printed("solve", "--why")

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
        """Solves and certifies. ``settings`` are keys of ``solve { }`` and parameters: ``tolerance=1e-9``, ``grid={"k": "log(800)"}``,
        ``beta=0.95``; ``set`` takes those whose names have dots. ``checkpoint`` is in seconds.

        The run has the policy on its grid (``frame``, ``numpy()``, ``xarray()``), between its nodes (``policy(k=5, z=0)``), moments and the certificate.

        Raises ``CertificateError`` if the certificate does not hold (``error.run`` has what was found), ``EconError`` where nothing was found.
        """
        given = locals()
        words = options_of(given, "concept", "method", "information")
        return self._asked("solve", self._line("solve", words, {**(set or {}), **settings}), **common_of(given))

    def steady_state(
        self,
        *,
        concept: Optional[str] = None,
        threads: Optional[int] = None,
        memory: Union[None, int, str] = None,
        out: Optional[PathLike] = None,
        force: bool = False,
        progress: Watch = None,
        set: Optional[Mapping[str, Any]] = None,
        **settings: Any,
    ) -> Run:
        """Where the economy rests without shocks: ``frame`` has a row a quantity, in the units of the file. ``settings`` replace parameters.

        Raises ``EconError`` where it rests nowhere, or in one of a continuum of places (E0996).
        """
        given = locals()
        words = options_of(given, "concept")
        return self._asked("steady_state", self._line("steady_state", words, {**(set or {}), **settings}), **common_of(given))

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
        :meth:`verify`), or a dictionary of these by agent. ``grids``: policies of Python choose among the nodes of grids in the file.

        ``frame`` is the first world, a row a period from 0; ``table("moments")`` is over all worlds and periods. Choices stand by their number
        from 0.

        Raises ``EconError``, and what a policy of Python raises; ``ValueError`` for actions outside of their space.
        """
        given = locals()
        words, lent = self._policies("--policy", policy, grids, None)
        words += options_of(given, "scenario", "periods", "worlds", "members")
        words += flags_of(given, "on_chain", "greedy", "other_parameters")
        return self._asked("simulate", self._line("simulate", words, {**(set or {}), **settings}), lent=lent, **common_of(given))

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
        """Impulse responses: of the solution, which is found first, or of the policies of ``run``. ``shock`` is one or several of ``"z"``,
        ``"z=-2sd"``, ``"z=0.01"``, ``"Z=good"`` (every shock by default); ``start`` is ``--from``: ``"ergodic"``, ``"mean"``, ``"start"`` or
        ``"k=30,z=0"``; ``band`` per cent of the histories.

        ``frame`` has a row a shock, variable and period: response, base, in per cent, standard error, band; ``numpy()`` the same, ``shock x t``.

        Raises ``EconError`` (E0995 for shocks and places that there are not; E0818 and E0819 for a run of another model or other parameters).
        """
        given = locals()
        shocks = [shock] if isinstance(shock, str) else list(shock or [])
        words = [w for s in shocks for w in ("--shock", s)]
        words += options_of(given, "periods", "histories", "burn_in", "band", "members")
        words += ["--from", start] if start is not None else []
        words += flags_of(given, "variance", "greedy")
        replaced = {**(set or {}), **settings}
        line = self._line("irf", words, replaced)
        if run is not None:
            # A run has its own model, which is to be this one.
            _native.plays(str(self.path), list(self._params.items()), typed(pathlib.Path(run)))
            line = ["irf", typed(pathlib.Path(run)), *words, *words_of("--set", flat(replaced))]
        return self._asked("irf", line, **common_of(given))

    def train(
        self,
        learner: Union[None, str, Mapping[str, str]] = None,
        *,
        seeds: Optional[Seeds] = None,
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
        ``learner`` may be a dictionary by agent; ``others`` is as ``policy`` of :meth:`simulate`. Parameters go into ``set``.

        ``frame`` has a row a seed: returns per episode, in the units of rewards.

        Raises ``EconError`` (E0801 for options that there are not).
        """
        given = locals()
        words, lent = self._policies("--others", others, False, None)
        words += _learners(learner) + seeds_of(seeds)
        words += [w for a in ([agents] if isinstance(agents, str) else agents or []) for w in ("--agent", a)]
        words += options_of(given, "scenario", "against") + flags_of(given, "other_parameters")
        words += words_of("--with", flat(options))
        return self._asked("train", self._line("train", words, set), lent=lent, **common_of(given))

    def tune(
        self,
        learner: Optional[str] = None,
        *,
        search: Optional[Mapping[str, Any]] = None,
        trials: Optional[int] = None,
        method: Optional[str] = None,
        eta: Optional[int] = None,
        least: Optional[int] = None,
        budget: Optional[int] = None,
        objective: Optional[str] = None,
        against: Union[None, Run, PathLike] = None,
        seeds: Optional[Seeds] = None,
        agent: Optional[str] = None,
        others: Any = None,
        other_parameters: bool = False,
        scenario: Optional[str] = None,
        seed: Optional[int] = None,
        threads: Optional[int] = None,
        memory: Union[None, int, str] = None,
        checkpoint: Optional[float] = None,
        out: Optional[PathLike] = None,
        force: bool = False,
        progress: Watch = None,
        engine: Optional[str] = None,
        set: Optional[Mapping[str, Any]] = None,
        **options: Any,
    ) -> Run:
        """Searches over the options of a learner: ``search={"learning_rate": "1e-4..1e-2:log", "network": "[32,32]|[64,64]"}``; by successive
        halving, or ``method="random"``. ``budget`` and ``least`` are steps.

        ``engine="ray"`` trains each seed of each trial of a rung as a task of a Ray cluster, and decides here who goes on: the files are those of
        one machine.

        ``table("trials")`` has a row a trial, best first; the run holds the policies of the best.

        Raises ``EconError``.
        """
        given = {k: v for k, v in locals().items() if k != "self"}
        if engine in (None, "local"):
            words, lent = self._search(given)
            return self._asked("tune", self._line("tune", words, set), lent=lent, **common_of(given))
        from ._engine import searched_on

        return searched_on(self, given, engine)

    def _search(self, given: Mapping[str, Any]) -> tuple[list[str], list[_native.Lent]]:
        """The words of a search with the arguments of :meth:`tune`, and what was lent for it."""
        words, lent = self._policies("--others", given["others"], False, None)
        words += _learners(given["learner"]) + seeds_of(given["seeds"]) + words_of("--search", flat(given["search"] or {}))
        words += options_of(given, "trials", "method", "eta", "least", "budget", "objective", "agent", "scenario", "against")
        words += flags_of(given, "other_parameters") + words_of("--with", flat(given["options"]))
        return words, lent

    def verify(
        self,
        policy: Any = None,
        *,
        solution: Union[None, Run, PathLike] = None,
        learner: Optional[str] = None,
        seeds: Optional[Seeds] = None,
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
        observations (``row x width``, and, if it has an argument ``mask``, masks) to a batch of actions (numbers in [-1, 1] ``row x number``, choices
        ``row`` from 0), a model of Stable-Baselines3 (with its environment, ``PPO.load(path, env)``, where that standardises observations), an algorithm or
        module of RLlib, the path of its checkpoint or of an ONNX file. Without one, a learner of econc is trained first, with ``options`` as of
        :meth:`train`.

        ``certificate`` has a row a check; distances are in per cent of what may be chosen, losses of consumption, as the report says.

        With a ``policy``, ``options`` are keys of ``verify { }``: ``episodes=100``, ``policy_error=0.02``.

        Raises ``CertificateError`` if the file's ``verify { }`` does not hold; ``error.run`` then is the verdict. ``ValueError`` for actions outside
        of their space, and what a policy raises.
        """
        given = locals()
        words, lent = self._policies("--policy", policy, grids, agent, name)
        more, lent_others = self._policies("--others", others, False, None)
        words += more + _learners(learner) + seeds_of(seeds) + options_of(given, "agent", "solution")
        words += flags_of(given, "other_parameters", "best")
        # Where nothing is trained, options are keys of `verify { }`.
        keys = {f"verify.{k}": v for k, v in options.items()} if policy is not None else {}
        words += words_of("--with", flat({} if keys else options))
        return self._asked("verify", self._line("verify", words, {**keys, **(set or {})}), lent=lent + lent_others, **common_of(given))

    def _policies(
        self, option: str, policy: Any, grids: bool, agent: Optional[str], name: Optional[str] = None
    ) -> tuple[list[str], list[_native.Lent]]:
        """The words that name policies, and those of Python that were lent for them."""
        from ._policies import is_checkpoint, lend

        if policy is None:
            return [], []
        by_agent = policy if isinstance(policy, Mapping) else {None: policy}
        words: list[str] = []
        lent: list[_native.Lent] = []
        for who, one in by_agent.items():
            named = isinstance(one, (str, pathlib.Path)) and not str(one).endswith(".onnx") and not is_checkpoint(one)
            if named and str(one).endswith(".zip"):
                raise ValueError(f"{one}: a model of Stable-Baselines3 is loaded by its class, PPO.load({str(one)!r}), and then given")
            if isinstance(one, Run) or named:
                word = typed(one)
            else:
                lent.append(lend(self, one, who or agent, grids, name))
                word = lent[-1].word
            words += [option, word if who is None else f"{who}={word}"]
        return words, lent


def _learners(learner: Union[None, str, Mapping[str, str]]) -> list[str]:
    if isinstance(learner, Mapping):
        return words_of("--learner", dict(learner))
    return [] if learner is None else ["--learner", learner]
