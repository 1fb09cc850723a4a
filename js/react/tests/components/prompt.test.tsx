import { BideError, type Prompt } from "@bide/client";
import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test, vi } from "vitest";
import {
  BideTexts,
  JobPromptView,
  type JobPromptViewProps,
  type Json,
  PromptInboxView,
  ptBR,
} from "../../src/index.js";

function prompt(kind: string, data: Record<string, unknown>, more: Partial<Prompt> = {}): Prompt {
  return {
    id: "0192-1",
    job_id: "0192-0",
    key: "k",
    kind,
    data,
    schema: {},
    status: "open",
    opened_at: "2026-01-01T00:00:00Z",
    ...more,
  };
}

/** What the client rejects with: the server's problem. */
function refusal(problem: Record<string, unknown>): Error {
  return new BideError(409, problem);
}

function show(asked: Prompt, props: Partial<JobPromptViewProps> = {}, refuse: Error[] = []) {
  const given: Json[] = [];
  const onRespond = async (value: Json) => {
    given.push(value);
    const error = refuse.shift();
    if (error) throw error;
  };
  const view = render(<JobPromptView prompt={asked} onRespond={onRespond} {...props} />);
  return { given, user: userEvent.setup(), ...view };
}

function MyHeader({ id }: { id: string }) {
  return <h2 id={id}>My header</h2>;
}

function MyBody() {
  return <p>My body</p>;
}

const QUESTIONS = {
  rationale: "",
  questions: [
    {
      text: "Tone?",
      options: [
        { id: "warm", label: "Warm" },
        { id: "dry", label: "Dry" },
      ],
      free_text: true,
    },
    {
      text: "Where?",
      options: [
        { id: "blog", label: "Blog" },
        { id: "mail", label: "Mail" },
      ],
      allows_multiple: true,
    },
    { text: "For whom?", options: null },
  ],
};

test("the second click on an answer does not answer the question that has come in its place", async () => {
  const now = vi.spyOn(performance, "now").mockReturnValue(1_000);
  const { given, user, rerender } = show(prompt("confirm", { summary: "First" }));
  await user.click(screen.getByRole("button", { name: "Approve" }));
  const other: Json[] = [];
  const next = prompt("confirm", { summary: "Second" }, { id: "0192-2" });
  rerender(<JobPromptView prompt={next} onRespond={async (value) => other.push(value)} />);
  now.mockReturnValue(1_150);
  await user.click(screen.getByRole("button", { name: "Approve" }));
  expect([given, other]).toEqual([[{ action: "proceed" }], []]);
  now.mockReturnValue(1_500);
  await user.click(screen.getByRole("button", { name: "Approve" }));
  expect(other).toEqual([{ action: "proceed" }]);
  now.mockRestore();
});

describe("the answer to each kind is what the server wants", () => {
  test.each(["confirm", "preview", "validate"])("%s: proceed", async (kind) => {
    const { given, user } = show(prompt(kind, { summary: "s", content: "c", report: "r", passed: true }));
    await user.click(screen.getByRole("button", { name: "Approve" }));
    expect(given).toEqual([{ action: "proceed" }]);
    expect(screen.getByText("Your answer was sent.")).toBeDefined();
  });

  test("revise, with feedback that must be there", async () => {
    const { given, user } = show(prompt("preview", { content: "c" }));
    await user.click(screen.getByRole("button", { name: "Ask for changes" }));
    const area = screen.getByLabelText("What should change?");
    expect(document.activeElement).toBe(area);
    await user.click(screen.getByRole("button", { name: "Send feedback" }));
    expect(given).toEqual([]);
    expect(area.getAttribute("aria-invalid")).toBe("true");
    await user.type(area, "Shorter.");
    await user.click(screen.getByRole("button", { name: "Send feedback" }));
    expect(given).toEqual([{ action: "revise", feedback: "Shorter." }]);
  });

  test("who goes back from revising has the focus where they were", async () => {
    const { user } = show(prompt("confirm", { summary: "s" }));
    await user.click(screen.getByRole("button", { name: "Ask for changes" }));
    await user.click(screen.getByRole("button", { name: "Back" }));
    expect(document.activeElement).toBe(screen.getByRole("button", { name: "Ask for changes" }));
  });

  test("cancel, after it was asked once more", async () => {
    const { given, user } = show(prompt("confirm", { summary: "s" }));
    await user.click(screen.getByRole("button", { name: "Cancel the job" }));
    expect(document.activeElement).toBe(screen.getByRole("button", { name: "Keep it" }));
    expect(given).toEqual([]);
    await user.click(screen.getByRole("button", { name: "Yes, cancel it" }));
    expect(given).toEqual([{ action: "cancel" }]);
  });

  test("clarify: an id, a list of ids, a text", async () => {
    const { given, user } = show(prompt("clarify", QUESTIONS));
    await user.click(screen.getByRole("button", { name: "Send answer" }));
    expect(given).toEqual([]);
    expect(document.querySelectorAll("[data-bide-invalid]")).toHaveLength(3);
    await user.click(screen.getByRole("radio", { name: "Dry" }));
    await user.click(screen.getByRole("checkbox", { name: "Mail" }));
    await user.click(screen.getByRole("checkbox", { name: "Blog" }));
    await user.type(screen.getByLabelText("For whom?"), "me");
    await user.click(screen.getByRole("button", { name: "Send answer" }));
    expect(given).toEqual([{ answers: { q0: "dry", q1: ["mail", "blog"], q2: "me" } }]);
  });

  test("clarify: an answer of one's own", async () => {
    const { given, user } = show(prompt("clarify", { questions: [QUESTIONS.questions[0]] }));
    await user.click(screen.getByRole("radio", { name: "Something else" }));
    await user.click(screen.getByRole("button", { name: "Send answer" }));
    expect(given).toEqual([]);
    await user.type(screen.getByLabelText("Your own answer"), "sour");
    await user.click(screen.getByRole("button", { name: "Send answer" }));
    expect(given).toEqual([{ answers: { q0: "sour" } }]);
  });

  test("form: the model's own fields, with what it begins with", async () => {
    const schema = {
      type: "object",
      required: ["name"],
      properties: { name: { type: "string" }, n: { type: "integer", default: 1 } },
    };
    const { given, user } = show(prompt("form", { title: "Who?", initial: { name: "Ana" } }, { schema }));
    expect(screen.getByRole("heading", { name: "Who?" })).toBeDefined();
    await user.click(screen.getByRole("button", { name: "Send answer" }));
    expect(given).toEqual([{ name: "Ana", n: 1 }]);
  });

  test("callback: nobody is asked, but the job may be cancelled", async () => {
    const { given, user } = show(prompt("callback", {}));
    expect(screen.queryByRole("button", { name: "Send answer" })).toBeNull();
    await user.click(screen.getByRole("button", { name: "Cancel the job" }));
    await user.click(screen.getByRole("button", { name: "Yes, cancel it" }));
    expect(given).toEqual([{ action: "cancel" }]);
  });

  test("a kind that is not known shows what it has, and asks by its schema", async () => {
    const schema = { type: "object", required: ["vote"], properties: { vote: { enum: ["yes", "no"] } } };
    const { given, user } = show(prompt("vote", { motion: "Lunch at noon" }, { schema }));
    expect(screen.getByText("Lunch at noon")).toBeDefined();
    await user.click(screen.getByRole("radio", { name: "yes" }));
    await user.click(screen.getByRole("button", { name: "Send answer" }));
    expect(given).toEqual([{ vote: "yes" }]);
  });
});

describe("what the server says", () => {
  test("errors of a form are at their fields, and the answer can be mended", async () => {
    const schema = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
    const invalid = refusal({
      code: "invalid_response",
      message: "It does not fit.",
      errors: [{ where: "body", path: "/name", message: "Value error, not that one" }],
    });
    const { given, user } = show(prompt("form", { title: "Who?", initial: { name: "Bob" } }, { schema }), {}, [
      invalid,
    ]);
    await user.click(screen.getByRole("button", { name: "Send answer" }));
    const input = screen.getByLabelText("Name");
    await waitFor(() => expect(input.getAttribute("aria-invalid")).toBe("true"));
    expect(screen.getByText("Value error, not that one")).toBeDefined();
    expect(document.activeElement).toBe(input);
    await user.type(input, "by");
    await user.click(screen.getByRole("button", { name: "Send answer" }));
    expect(given).toEqual([{ name: "Bob" }, { name: "Bobby" }]);
  });

  test("errors of an approval are told", async () => {
    const invalid = refusal({ code: "invalid_response", errors: [{ path: "/action", message: "Not yet" }] });
    const { user } = show(prompt("confirm", { summary: "s" }), {}, [invalid]);
    await user.click(screen.getByRole("button", { name: "Approve" }));
    expect((await screen.findByRole("alert")).textContent).toContain("Not yet");
  });

  test("errors of a clarification are at their questions", async () => {
    const invalid = refusal({ code: "invalid_response", errors: [{ path: "/answers/q0", message: "too vague" }] });
    const { user } = show(prompt("clarify", { questions: [QUESTIONS.questions[2]] }), {}, [invalid]);
    await user.type(screen.getByLabelText("For whom?"), "hm");
    await user.click(screen.getByRole("button", { name: "Send answer" }));
    expect(await screen.findByText("too vague")).toBeDefined();
    expect(document.activeElement).toBe(screen.getByLabelText("For whom?"));
  });

  test("somebody else was faster: who, and with what", async () => {
    const closed = refusal({
      code: "prompt_closed",
      reason: "answered",
      by: "rui",
      response: { action: "revise", feedback: "Longer." },
    });
    const { user } = show(prompt("confirm", { summary: "s" }), {}, [closed]);
    await user.click(screen.getByRole("button", { name: "Approve" }));
    const told = await screen.findByText(/rui has answered this in the meantime/);
    expect(told.closest("[role=status]")).not.toBeNull();
    expect(screen.getByText("Longer.")).toBeDefined();
    expect(screen.queryByRole("button", { name: "Approve" })).toBeNull();
  });

  test("the deadline passed while somebody thought", async () => {
    const { user } = show(prompt("confirm", { summary: "s" }), {}, [
      refusal({ code: "prompt_closed", reason: "expired" }),
    ]);
    await user.click(screen.getByRole("button", { name: "Approve" }));
    expect(await screen.findByText("The deadline passed without an answer.")).toBeDefined();
  });

  test("anything else is told, and can be tried again", async () => {
    const { given, user } = show(prompt("confirm", { summary: "s" }), {}, [
      refusal({ code: "not_assigned", message: "The question is for ana to answer." }),
      new TypeError(""),
    ]);
    await user.click(screen.getByRole("button", { name: "Approve" }));
    expect((await screen.findByRole("alert")).textContent).toBe("The question is for ana to answer.");
    await user.click(screen.getByRole("button", { name: "Approve" }));
    await waitFor(() =>
      expect(screen.getByRole("alert").textContent).toBe("The answer could not be sent. Please try again."),
    );
    await user.click(screen.getByRole("button", { name: "Approve" }));
    expect(await screen.findByText("Your answer was sent.")).toBeDefined();
    expect(given).toHaveLength(3);
  });

  test("a double click answers once", async () => {
    const given: Json[] = [];
    let arrive = () => {};
    const onRespond = (value: Json) => {
      given.push(value);
      return new Promise<void>((resolve) => {
        arrive = resolve;
      });
    };
    render(<JobPromptView prompt={prompt("confirm", { summary: "s" })} onRespond={onRespond} />);
    await userEvent.dblClick(screen.getByRole("button", { name: "Approve" }));
    await userEvent.click(screen.getByRole("button", { name: "Sending…" }));
    expect(given).toHaveLength(1);
    arrive();
    expect(await screen.findByText("Your answer was sent.")).toBeDefined();
  });
});

describe("what a question shows", () => {
  test("its deadline, whom it is for, and why it is asked again", () => {
    const later = new Date(Date.now() + 3 * 86_400_000 + 60_000).toISOString();
    show(
      prompt("confirm", { summary: "s", refused: "feedback: Field required" }, { deadline_at: later, assignee: "ana" }),
    );
    expect(screen.getByText(/Answer until .+ \(in 3 days\)/)).toBeDefined();
    expect(screen.getByText("For ana")).toBeDefined();
    expect(screen.getByText(/asked again: feedback: Field required/)).toBeDefined();
  });

  test("that the deadline has passed", () => {
    show(prompt("confirm", { summary: "s" }, { deadline_at: "2020-01-01T00:00:00Z" }));
    expect(screen.getByText("The deadline has passed.")).toBeDefined();
  });

  test("of a past one the answer; a secret stays one", () => {
    const schema = {
      type: "object",
      properties: { name: { type: "string" }, key: { type: "string", format: "password" } },
    };
    show(
      prompt(
        "form",
        { title: "Who?" },
        {
          schema,
          status: "answered",
          response: { name: "Ana", key: "s3cret" },
          answer: { by: "ana", at: "2026-01-01T00:00:00Z", defaulted: false },
        },
      ),
    );
    expect(screen.getByText(/Answered by ana/)).toBeDefined();
    expect(screen.getByText("Ana")).toBeDefined();
    expect(document.body.textContent).not.toContain("s3cret");
    expect(screen.queryByRole("button")).toBeNull();
  });

  test("nothing that the other kinds of data could break", () => {
    for (const kind of ["clarify", "confirm", "preview", "validate", "form", "callback"]) {
      const { unmount } = show(
        prompt(kind, { questions: "no list", summary: 7, key_assumptions: [1], score: "x", initial: null }),
      );
      unmount();
    }
  });
});

describe("parts are replaced", () => {
  test("the form", async () => {
    const { given, user } = show(prompt("form", { title: "T" }), {
      renderForm: ({ respond }) => (
        <button type="button" onClick={() => respond({ mine: true })}>
          mine
        </button>
      ),
    });
    await user.click(screen.getByText("mine"));
    expect(given).toEqual([{ mine: true }]);
  });

  test("the body of a kind, and the header", () => {
    show(prompt("confirm", { summary: "s" }), {
      components: { Header: MyHeader, bodies: { confirm: MyBody } },
      className: "mine",
    });
    expect(screen.getByRole("article", { name: "My header" }).className).toContain("mine");
    expect(screen.getByText("My body")).toBeDefined();
  });

  test("the language", () => {
    render(
      <BideTexts texts={ptBR}>
        <JobPromptView prompt={prompt("confirm", { summary: "s" })} onRespond={async () => {}} />
      </BideTexts>,
    );
    expect(screen.getByRole("button", { name: "Aprovar" })).toBeDefined();
  });
});

describe("the inbox", () => {
  test("says that there may be more than it has", () => {
    const prompts = [prompt("confirm", { summary: "s" })];
    render(<PromptInboxView prompts={prompts} more onRespond={async () => {}} />);
    expect(screen.getByRole("status").textContent).toBe("1 open questions or more");
  });

  test("opens a question, answers it, and says how many there are", async () => {
    const given: unknown[] = [];
    const prompts = [
      prompt("confirm", { summary: "First **plan**" }),
      { ...prompt("clarify", QUESTIONS), id: "0192-2" },
    ];
    const view = (open: Prompt[] | null) => (
      <PromptInboxView prompts={open} onRespond={async (asked, value) => given.push([asked.id, value])} />
    );
    const { rerender } = render(view(null));
    const inbox = screen.getByRole("region", { name: "Questions for you" });
    expect(inbox.getAttribute("aria-busy")).toBe("true");
    rerender(view(prompts));
    expect(within(inbox).getByText("2 open questions")).toBeDefined();
    const user = userEvent.setup();
    const button = screen.getByRole("button", { name: /First plan/ });
    await user.click(button);
    expect(button.getAttribute("aria-expanded")).toBe("true");
    await user.click(screen.getByRole("button", { name: "Approve" }));
    expect(given).toEqual([["0192-1", { action: "proceed" }]]);
    rerender(view(prompts.slice(1)));
    expect(document.activeElement).toBe(within(inbox).getByText("1 open question"));
    rerender(view([]));
    expect(within(inbox).getByText("No open questions.")).toBeDefined();
  });

  test("keeps the opened question where it was, and says that it is not open any more", async () => {
    const prompts = ["a", "b", "c"].map((id) => prompt("confirm", { summary: `Plan ${id}` }, { id }));
    const view = (open: Prompt[]) => <PromptInboxView prompts={open} onRespond={async () => {}} />;
    const { rerender } = render(view(prompts));
    await userEvent.click(screen.getByRole("button", { name: /Plan b/ }));
    rerender(view(prompts.filter(({ id }) => id !== "b")));
    const told = await screen.findByText("This question is not open any more.");
    expect(told.closest("[role=status]")).not.toBeNull();
    const items = screen.getAllByRole("listitem").map((item) => item.textContent);
    expect(items.map((text) => /Plan ./.exec(text ?? "")?.[0])).toEqual(["Plan a", "Plan b", "Plan c"]);
    expect(screen.getByText("2 open questions")).toBeDefined();
    expect(screen.queryByRole("button", { name: "Approve" })).toBeNull();
    await userEvent.click(screen.getByRole("button", { name: /Plan b/ }));
    expect(document.activeElement).toBe(screen.getByText("2 open questions"));
    expect(screen.getAllByRole("listitem")).toHaveLength(2);
  });

  test("its parts are replaced", async () => {
    const view = (open: Prompt[]) => (
      <PromptInboxView
        prompts={open}
        onRespond={async () => {}}
        renderEntry={({ key }) => <b>entry {key}</b>}
        renderPrompt={({ key }) => <i>question {key}</i>}
      />
    );
    const { rerender } = render(view([prompt("confirm", { summary: "First plan" })]));
    await userEvent.click(screen.getByRole("button", { name: "entry k" }));
    expect(screen.getByText("question k")).toBeDefined();
    rerender(view([]));
    expect(screen.queryByText("question k")).toBeNull();
  });
});
