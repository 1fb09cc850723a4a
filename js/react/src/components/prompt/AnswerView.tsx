import type { Prompt } from "@bide/client";
import { isObject, type Json } from "../../form/json.js";
import type { Schema } from "../../form/schema.js";
import { useTexts } from "../../texts/context.js";
import { questionsOf } from "./data.js";
import { ValueView } from "./ValueView.js";

/** A recorded answer, in the words in which it was asked for. */
export function AnswerView({ prompt, response }: { prompt: Prompt; response: Json }) {
  const { prompt: words } = useTexts();
  if (!isObject(response)) return <ValueView value={response} schema={prompt.schema as Schema} />;
  if (prompt.kind === "clarify" && isObject(response.answers)) {
    const { answers } = response;
    return (
      <dl className="bide-value">
        {questionsOf(prompt.data).map(({ name, text, options }) => {
          const given = [answers[name] ?? []].flat();
          const labels = given.map((one) => options.find(({ id }) => id === one)?.label ?? String(one));
          return (
            <div key={name}>
              <dt>{text}</dt>
              <dd>{labels.join(", ")}</dd>
            </div>
          );
        })}
      </dl>
    );
  }
  if (response.action === "proceed") return <p>{words.proceed}</p>;
  if (response.action === "revise" && typeof response.feedback === "string") {
    return (
      <>
        <p>{words.revise}</p>
        <blockquote className="bide-quote">{response.feedback}</blockquote>
      </>
    );
  }
  return <ValueView value={response} schema={prompt.schema as Schema} />;
}
